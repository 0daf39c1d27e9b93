"""Records that are written in place: one file for the whole life of a record, which is replaced in one step.

A new file for each change, renamed over the old one, costs a file system more than all else that a pod's start does:
it has to find room for the file, and starts to write it out. What fits into one page of memory is written over what
was there instead. A kill is noticed between two pages and never within one, so a reader finds the old record or the new
one; and it works while the disk is full. Larger records are renamed into place.

A msgpack map says at its beginning how many entries it has, so it is followed by one more entry, `pad`, that fills the
file up to the end. Readers ignore it as they ignore all fields that they do not know.
"""

from __future__ import annotations

import os
from pathlib import Path

PAGE_BYTES = 4096
_STEP_BYTES = 512
"""A file ends at a multiple of this, so that it most often has room for what a record becomes."""

_PAD = b"\xa3pad\xc5"
"""The key `pad`, and the mark of bytes whose count follows in two bytes."""

_PAD_BYTES_MIN = len(_PAD) + 2
_FIXMAP, _FIXMAP_LAST = 0x80, 0x8E
"""The first byte of a map with no entries, and of the largest that can be given one more."""


def write(path: str, data: bytes) -> None:
    """Puts a record, a map in msgpack, into its file, which only we may read.

    Raises:
        OSError: The folder does not exist, or the disk is full or read-only.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        filled = _filled(data, os.fstat(fd).st_size)
        if filled is not None:
            os.pwrite(fd, filled, 0)
            return
    finally:
        os.close(fd)
    replace(path, data)


def replace(path: str, data: bytes) -> None:
    """Puts data of any size beside its place and renames it into it.

    Raises:
        OSError
    """
    fresh = path + ".new"
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    Path(fresh).replace(path)


def _filled(data: bytes, former_bytes: int) -> bytes | None:
    """The map, padded to the length of the file; None if that cannot be done within a page."""
    wanted = -(-(len(data) + _PAD_BYTES_MIN) // _STEP_BYTES) * _STEP_BYTES
    length = max(wanted, former_bytes)
    if length > PAGE_BYTES or not _FIXMAP <= data[0] <= _FIXMAP_LAST:
        return None
    count = length - len(data) - _PAD_BYTES_MIN
    return b"%c%s%s%s%s" % (data[0] + 1, data[1:], _PAD, count.to_bytes(2, "big"), bytes(count))
