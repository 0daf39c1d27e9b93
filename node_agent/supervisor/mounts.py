"""A program's own view of the file systems: a private mount namespace, in the child, before its program.

Who is not root may mount only within a user namespace, so the program gets one of those, too: in it, it is who it is
outside, and all others are strangers whose set-uid programs have no effect.

*Never*: changes what any other process sees.
"""
# ruff: noqa: PTH103, PTH110, PTH112, PTH120, PTH123

import os
from collections.abc import Collection, Iterator

from node_agent.supervisor import kernel

_RDONLY, _REMOUNT, _BIND, _REC, _SLAVE = 1, 1 << 5, 1 << 12, 1 << 14, 1 << 19
_KEPT_FLAGS = {"nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1 << 10, "nodiratime": 1 << 11, "relatime": 1 << 21}
"""A remount that does not repeat them would take them away, which the kernel may refuse."""

_WRITABLE = ("/dev", "/proc")
"""What containers have as their own, writable file systems, too."""


def enter_private_namespace() -> None:
    """From here on mounts are this process's own; those that the machine makes later are seen as before.

    Raises:
        OSError: The kernel refuses.
    """
    if os.geteuid() == 0:
        kernel.unshare(kernel.CLONE_NEWNS)
    else:
        _enter_user_namespace()
    kernel.mount("none", "/", _REC | _SLAVE)


def _enter_user_namespace() -> None:
    """With a mount namespace of its own; groups cannot be changed in it, as the kernel demands."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(text.encode())


def join_view(pid: int) -> None:
    """Sees the file systems as that process does from here on.

    Raises:
        OSError: The kernel refuses, or there is no such process.
    """
    if os.geteuid() != 0:
        kernel.join_namespace(pid, "user")
    kernel.join_namespace(pid, "mnt")


def views_are_possible() -> bool:
    """Whether a program of ours could have a view of its own; tried in a child.

    Machines may forbid user namespaces to those who are not root.

    Raises:
        OSError: The machine is out of processes or memory.
    """
    kernel.load()
    pid = os.fork()
    if pid == 0:
        try:
            enter_private_namespace()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def bind(source: str, path: str, *, read_only: bool) -> None:
    """Puts a file or folder in the place of what is at `path`, which is made if nothing is.

    What is made there is empty and stays, for all to see: a place for mounts (as systemd makes one for `BindPaths`).

    Raises:
        OSError: The kernel refuses, or the place cannot be made.
    """
    if os.path.isdir(source):
        os.makedirs(path, mode=0o755, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path) or "/", mode=0o755, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    kernel.mount(source, path, _BIND | _REC)
    if read_only:
        kernel.mount("none", path, _REMOUNT | _BIND | _RDONLY | _kept_flags(path))


def _kept_flags(path: str) -> int:
    """Flags of the mount at a path that a remount has to repeat."""
    flags = os.statvfs(path).f_flag
    pairs = ((os.ST_NOSUID, 2), (os.ST_NODEV, 4), (os.ST_NOEXEC, 8), (os.ST_NOATIME, 1 << 10),
             (os.ST_NODIRATIME, 1 << 11), (os.ST_RELATIME, 1 << 21))  # fmt: skip
    return sum(flag for present, flag in pairs if flags & present)


def make_read_only(kept: Collection[str] = ()) -> None:
    """Makes every mounted file system read-only, but for those at and below `kept`, `/dev` and `/proc`.

    Raises:
        OSError: The kernel refuses.
    """
    exempt = (*_WRITABLE, *kept)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().splitlines()
    for point, options in map(_point_and_options, lines):
        if "ro" in options or any(point == path or point.startswith(path + "/") for path in exempt):
            continue
        if point != "/" and not os.path.ismount(point):
            continue  # Another file system was mounted above it, which hides it.
        kept_flags = sum(_KEPT_FLAGS.get(option, 0) for option in options)
        kernel.mount("none", point, _REMOUNT | _BIND | _RDONLY | kept_flags)


def _point_and_options(line: str) -> tuple[str, list[str]]:
    """Where something is mounted, and how: the fifth and sixth word, with `\\040` for a blank."""
    words = line.split(" ")
    return "".join(_unescaped(words[4])), words[5].split(",")


def _unescaped(word: str) -> Iterator[str]:
    first, *rest = word.split("\\")
    yield first
    for part in rest:
        yield chr(int(part[:3], 8)) + part[3:]
