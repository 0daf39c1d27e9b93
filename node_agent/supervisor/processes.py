"""What `/proc` and the kernel tell about processes.

A pid alone is not an identity, since it is used again; a pid with its start time is, within one boot of the
machine.
"""

import fcntl
import os
import struct

from node_agent.cgroup import files

MARKER = "SETPOINT_CONTAINER_ID"
"""The environment variable that marks every process of a container, also where there are no cgroups."""

_PIDFD_GET_INFO = 0xC040FF0B
_PIDFD_INFO_EXIT = 1 << 3
_PIDFD_INFO = struct.Struct("=QQ11Ii")
_STATE, _PPID, _SESSION, _START_TICKS, _EXIT_CODE = 0, 1, 3, 19, 49


def boot_id() -> str:
    """The kernel's random name for the present boot."""
    return (files.read("/proc/sys/kernel/random/boot_id") or "").strip()


def _stat(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` from the state on; empty when there is no such process."""
    text = files.read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split() if text else []


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it does not exist."""
    fields = _stat(pid)
    return int(fields[_START_TICKS]) if fields else None


def session_of(pid: int) -> int | None:
    """The session that the process belongs to; None when it does not exist."""
    fields = _stat(pid)
    return int(fields[_SESSION]) if fields else None


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and waits for its parent to notice."""
    fields = _stat(pid)
    return bool(fields) and fields[_STATE] in "ZX"


def exit_status(pid: int, ticks: int | None, pidfd: int | None) -> int | None:
    """The wait status of an ended process that is not our child; None where it cannot be known.

    A zombie still shows it in proc. Once another parent has reaped it, a pidfd that was opened before tells
    it (Linux 6.15).
    """
    fields = _stat(pid)
    if fields and fields[_STATE] == "Z" and int(fields[_START_TICKS]) == ticks:
        shown = int(fields[_EXIT_CODE]) if len(fields) > _EXIT_CODE else 0
        if shown or os.geteuid() == 0:
            return shown
    return None if pidfd is None else _status_of_pidfd(pidfd)


def _status_of_pidfd(pidfd: int) -> int | None:
    request = _PIDFD_INFO.pack(_PIDFD_INFO_EXIT, *[0] * 13)
    try:
        answer = _PIDFD_INFO.unpack(fcntl.ioctl(pidfd, _PIDFD_GET_INFO, request))
    except OSError:
        return None
    return int(answer[-1]) if answer[0] & _PIDFD_INFO_EXIT else None


def pidfd_of(pid: int, ticks: int) -> int | None:
    """A descriptor of exactly this process, readable once it ends; None when it has ended already."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    if start_ticks(pid) == ticks and not is_zombie(pid):
        return pidfd
    os.close(pidfd)
    return None


def marked(container_id: str, leader: int | None) -> tuple[int, ...]:
    """All processes of a container where no cgroup tells: by marker, by session, and their descendants.

    This reads every process of the machine: right for a host without cgroups, and for nothing else.
    """
    marker = f"{MARKER}={container_id}".encode()
    parents, found = {}, set()
    for pid in _all_pids():
        fields = _stat(pid)
        if not fields or fields[_STATE] in "ZX":
            continue
        parents[pid] = int(fields[_PPID])
        if (leader is not None and int(fields[_SESSION]) == leader) or marker in _environment(pid):
            found.add(pid)
    found.discard(os.getpid())
    return tuple(_with_descendants(found, parents))


def _with_descendants(found: set[int], parents: dict[int, int]) -> set[int]:
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found, grown = found | children, bool(children)
    return found


def _all_pids() -> list[int]:
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        pieces = []
        while piece := os.read(fd, 1 << 16):
            pieces.append(piece)
        return b"".join(pieces).split(b"\0")
    except OSError:
        return []
    finally:
        os.close(fd)


def resident_usage(pid: int) -> tuple[int, int] | None:
    """Resident bytes and processor nanoseconds of one process; None when it is gone."""
    fields = _stat(pid)
    if not fields:
        return None
    ticks = int(fields[11]) + int(fields[12])
    resident_bytes = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return resident_bytes, ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
