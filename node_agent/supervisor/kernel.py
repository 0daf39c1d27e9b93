"""Calls of the kernel that Python's standard library does not have.

*Never*: loads anything after a fork. `load` is called by the parent, before a child that needs it is forked.
"""
# ruff: noqa: PTH116

import ctypes
import os
import signal

PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000

_CLONE3 = 435
"""The number of the call, on every architecture."""
_CLONE_CLEAR_SIGHAND = 0x100000000
_CLONE_INTO_CGROUP = 0x200000000

_CAPABILITY_VERSION_3 = 0x20080522
_libc: ctypes.CDLL | None = None


def load() -> ctypes.CDLL:
    """The C library."""
    global _libc
    if _libc is None:
        _libc = ctypes.CDLL(None, use_errno=True)
    return _libc


class _CloneArguments(ctypes.Structure):
    """`struct clone_args` of clone3(2)."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size"),
            *("tls", "set_tid", "set_tid_size", "cgroup"),
        )
    )


def fork_into(group: str) -> int:
    """As `os.fork`, but the child is born in a group of the unified hierarchy and has none of our signal handlers.

    Entering a group later means waiting until every processor has noticed (5 to 10 ms on a machine at rest).
    Python's own hooks for forks do not run: for a process with one thread, whose child executes something or ends.

    Args:
        group: The group's directory.

    Raises:
        OSError: The kernel refuses, or does not know the call (Linux before 5.7).
    """
    descriptor = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        arguments = _CloneArguments(
            flags=_CLONE_INTO_CGROUP | _CLONE_CLEAR_SIGHAND, exit_signal=signal.SIGCHLD, cgroup=descriptor
        )
        pid = load().syscall(_CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    finally:
        os.close(descriptor)
    if pid < 0:
        _checked(pid)
    return int(pid)


def prctl(option: int, *arguments: int) -> int:
    """prctl(2); what it says.

    Raises:
        OSError: The kernel refuses.
    """
    words = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    result = int(load().prctl(ctypes.c_int(option), *words))
    if result < 0:
        _checked(result)
    return result


def become_subreaper() -> bool:
    """Makes orphaned descendants our children instead of init's, so that we reap them; whether the kernel did so."""
    try:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    except OSError:
        return False
    return True


def set_capabilities(mask: int) -> None:
    """Makes these, as a mask of bits, the permitted, effective and inheritable capabilities.

    Raises:
        OSError: The kernel refuses.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = (ctypes.c_uint32 * 6)(low, low, low, high, high, high)
    _checked(load().capset(ctypes.byref(header), ctypes.byref(data)))


def unshare(flags: int) -> None:
    """unshare(2).

    Raises:
        OSError: The kernel refuses.
    """
    _checked(load().unshare(ctypes.c_int(flags)))


def join_namespace(pid: int, name: str) -> None:
    """From here on this process is in the namespace of that one; nothing happens where it is in it already.

    Args:
        name: As in `/proc/PID/ns`.

    Raises:
        OSError: The kernel refuses, or there is no such process.
    """
    descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not os.path.samestat(os.fstat(descriptor), os.stat(f"/proc/self/ns/{name}")):
            _checked(load().setns(ctypes.c_int(descriptor), ctypes.c_int(0)))
    finally:
        os.close(descriptor)


def mount(source: str, target: str, flags: int, kind: str = "", options: str = "") -> None:
    """mount(2).

    Raises:
        OSError: The kernel refuses.
    """
    words = [os.fsencode(source), os.fsencode(target), kind.encode() or None]
    _checked(load().mount(*words, ctypes.c_ulong(flags), options.encode() or None))


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2).

    Raises:
        OSError: The kernel refuses.
    """
    _checked(load().umount2(os.fsencode(target), ctypes.c_int(flags)))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def words_of(problem: Exception) -> str:
    """What went wrong, for people: an error of the system without its number, which is told beside it."""
    if not isinstance(problem, OSError) or problem.strerror is None:
        return str(problem)
    return problem.strerror if problem.filename is None else f"{problem.filename}: {problem.strerror}"
