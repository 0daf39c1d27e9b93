"""Folders that are empty at first, and places of the machine. Blocks: it is called in a thread."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from proto.objects.volumes import HostPathVolumeSource


class WrongPlace(Exception):
    """What a `hostPath` names is not what it should be; the message is the kubelet's."""


_TYPES: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def host_place(source: HostPathVolumeSource) -> Path:
    """The place, which is made if its type says so.

    Raises:
        WrongPlace: It is not there, or something else is.
        OSError: It cannot be made.
    """
    path = Path(source.path)
    if source.type == "DirectoryOrCreate" and not path.exists():
        path.mkdir(mode=0o755, parents=True)
    if source.type == "FileOrCreate" and not path.exists():
        if not path.parent.is_dir():
            raise WrongPlace(f"hostPath type check failed: the folder of {source.path} is not there")
        path.touch(mode=0o644)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise WrongPlace(f"hostPath {source.path}: {error.strerror}") from None
    if source.type:
        fits, words = _TYPES[source.type]
        if not fits(mode):
            raise WrongPlace(f"hostPath type check failed: {source.path} is not {words}")
    return path
