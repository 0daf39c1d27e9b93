"""File systems in the folders of pods: how much pods take of the disk, and those in memory that their volumes have.

Blocks: it is called in a thread. Reads: directories. Writes: mounts. Never: removes a file that is not in memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from node_agent.storage.port import PodSpace, Space

_NOSUID_NODEV = 2 | 4
_LAZILY = 2
"""MNT_DETACH: it is gone at once, and for good when the last program that still uses it has ended."""


def pod_space(directory: Path) -> PodSpace:
    """What is below a pod's directory; what vanishes meanwhile takes nothing."""
    logs = _each(directory / "logs")
    for container, taken in _messages(directory / "messages"):
        logs[container] = logs.get(container, Space()).plus(taken)
    return PodSpace(space_below(directory / "files"), logs, _each(directory / "volumes"))


def space_below(directory: Path) -> Space:
    """What is below a directory, itself included, on its own file system; what is mounted below it does not count."""
    try:
        status = directory.lstat()
    except OSError:
        return Space()
    device, taken, inodes = status.st_dev, status.st_blocks * 512, 1
    waiting = [os.fspath(directory)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev != device:
                        continue
                    taken, inodes = taken + status.st_blocks * 512, inodes + 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return Space(taken, inodes)


def mount_memory(folder: Path, size_bytes: int | None) -> None:
    """Makes a folder a file system in memory that holds so much (None: half of the machine's); once is enough.

    Raises:
        OSError: The kernel refuses.
    """
    from node_agent.supervisor import kernel  # Its memory is for agents that need it.

    if not folder.is_mount():
        kernel.mount("tmpfs", os.fspath(folder), _NOSUID_NODEV, "tmpfs", f"size={size_bytes}" if size_bytes else "")


def unmount_in(directory: Path) -> None:
    """Takes away the file systems that are mounted in a directory, with all that is in them.

    They are emptied first: a program that began meanwhile, with a view of its own, keeps a copy of each mount, and so
    all memory of it for as long as it runs, where the machine's mounts are not shared.

    Raises:
        OSError: The kernel refuses.
    """
    for folder in directory.iterdir() if directory.is_dir() else ():
        if folder.is_mount():
            for entry in folder.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)
            _unmount(folder)


def _unmount(folder: Path) -> None:
    from node_agent.supervisor import kernel  # Its memory is for agents that need it.

    kernel.unmount(os.fspath(folder), _LAZILY)


def _messages(directory: Path) -> Iterator[tuple[str, Space]]:
    """What each file takes in which a program says why it ends, with the name of its container."""
    try:
        files = tuple(directory.iterdir())
    except OSError:
        return
    for file in files:
        yield file.stem, space_below(file)


def _each(directory: Path) -> dict[str, Space]:
    """What each folder of a directory takes; those that are file systems of their own do not count."""
    try:
        folders = [entry for entry in directory.iterdir() if entry.is_dir() and not entry.is_mount()]
    except OSError:
        return {}
    return {folder.name: space_below(folder) for folder in folders}
