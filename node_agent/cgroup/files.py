"""Reading and writing the small files of a cgroup directory.

Paths are plain strings throughout this room: the supervisor starts hundreds of workloads a second, and
`pathlib` would cost more than the system calls themselves.
"""
# ruff: noqa: PTH102, PTH103, PTH106

import os
import signal
from collections.abc import Iterator

_READ_BYTES = 1 << 16


def read(path: str) -> str | None:
    """The whole file, or None where it cannot be read (it does not exist, or the group is gone)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pieces = []
        while piece := os.read(fd, _READ_BYTES):
            pieces.append(piece)
        return b"".join(pieces).decode()
    except OSError:
        return None
    finally:
        os.close(fd)


def read_number(path: str) -> int | None:
    """The file's only number; None where there is none (`max` too)."""
    text = (read(path) or "").strip()
    return int(text) if text.lstrip("-").isdigit() else None


def read_keyed(path: str) -> dict[str, int]:
    """A flat keyed file, `name number` in each line; empty where it cannot be read."""
    keyed = {}
    for line in (read(path) or "").splitlines():
        key, _, number = line.partition(" ")
        if number.strip().isdigit():
            keyed[key] = int(number)
    return keyed


def write(path: str, text: str) -> None:
    """Writes in one call, as the kernel wants it.

    Raises:
        OSError: With the path as its file name, so that the message names it.
    """
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    except OSError as problem:
        raise OSError(problem.errno, os.strerror(problem.errno or 0), path) from None
    finally:
        os.close(fd)


def write_if_possible(path: str, text: str) -> bool:
    """Writes what is a courtesy; whether it worked."""
    try:
        write(path, text)
    except OSError:
        return False
    return True


def make(directory: str) -> bool:
    """Makes a group and its parents; whether it is new, so that all its files still say what the kernel put there.

    Raises:
        OSError: The kernel refused.
    """
    try:
        os.mkdir(directory)
    except FileExistsError:
        return False
    except FileNotFoundError:
        os.makedirs(directory, exist_ok=True)
    return True


def children(directory: str) -> frozenset[str]:
    """The names of the groups right below one; none where it does not exist."""
    try:
        with os.scandir(directory) as entries:
            return frozenset(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return frozenset()


def descend(directory: str) -> Iterator[str]:
    """A group's directory and all below it, parents first; nothing where it does not exist."""
    try:
        with os.scandir(directory) as entries:
            children = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    yield directory
    for child in children:
        yield from descend(child)


def read_pids(directory: str) -> tuple[int, ...]:
    """The pids in one group, without those below it."""
    return tuple(int(word) for word in (read(directory + "/cgroup.procs") or "").split())


def pids_below(directory: str) -> tuple[int, ...]:
    """All pids in a group and below it."""
    return tuple(pid for group in descend(directory) for pid in read_pids(group))


def remove_tree(directory: str) -> bool:
    """Removes a group and all below it, the deepest first; False when one is still occupied."""
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return _remove_each(directory)
    return True


def _remove_each(directory: str) -> bool:
    for group in reversed(list(descend(directory))):
        try:
            os.rmdir(group)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def kill_each(pids: tuple[int, ...]) -> None:
    """Sends SIGKILL to each process that still exists. A pid of 0 lies outside our namespace: never ours."""
    for pid in pids:
        if pid > 0:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
