"""What `/proc` tells of a container's processes, for people: who they are, and what they use.

A thousand processes take some tens of milliseconds, so call it in a thread. A process that ends meanwhile is left out.

*Reads* `/proc` and the user database. *Writes* nothing.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable

from node_agent.cgroup import files
from node_agent.runtime.abilities import ProcessState
from node_agent.supervisor.processes import marked

COMMAND_BYTES_MAX = 4096
_STATE, _PPID, _UTIME, _STIME, _THREADS, _START, _RSS = 0, 1, 11, 12, 17, 19, 21
"""Fields of `/proc/PID/stat`, counted from the state (Linux: proc_pid_stat(5))."""


def processes_of(container_id: str, leader: int | None, pids: Iterable[int] | None) -> tuple[ProcessState, ...]:
    """The processes with these pids; without, those that bear the container's marker, or descend from its first."""
    boot_s = _boot_time_s()
    names: dict[int, str] = {}
    found = marked(container_id, leader) if pids is None else pids
    states = (_process(pid, boot_s, names) for pid in sorted(found) if pid > 0)
    return tuple(state for state in states if state is not None)


def _process(pid: int, boot_s: int, names: dict[int, str]) -> ProcessState | None:
    """One process; None when there is none of that pid. `names` of users are filled as they are met."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116
        name, _, rest = _read(f"/proc/{pid}/stat").rpartition(b")")
        command = _read(f"/proc/{pid}/cmdline")
    except OSError:
        return None
    fields = rest.split()
    if not fields:
        return None
    if uid not in names:
        names[uid] = _user(uid)
    ticks = os.sysconf("SC_CLK_TCK")
    return ProcessState(
        pid=pid,
        parent_pid=int(fields[_PPID]),
        user=names[uid],
        state=fields[_STATE].decode(),
        cpu_s=(int(fields[_UTIME]) + int(fields[_STIME])) / ticks,
        started_at_s=boot_s + int(fields[_START]) / ticks,
        memory_bytes=int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE"),
        threads=int(fields[_THREADS]),
        command=_words(command) or (f"[{name.partition(b'(')[2].decode('utf-8', 'replace')}]",),
    )


def _words(command: bytes) -> tuple[str, ...]:
    """The arguments; a long command is cut."""
    text = command[:COMMAND_BYTES_MAX].decode("utf-8", "replace")
    return tuple(text.rstrip("\0").split("\0")) if text.strip("\0") else ()


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _boot_time_s() -> int:
    return files.read_keyed("/proc/stat").get("btime", 0)


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
