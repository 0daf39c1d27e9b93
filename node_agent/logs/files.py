"""The rotated files of one log, opened.

Rotation renames files while they are read, so a name says little: a file is known by its inode while it is open, and
by its `identity` for longer. An inode alone would not do, because a new file gets that of a deleted one.

Reads: log files. Never: keeps what it read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from node_agent.runtime.logs import log_files

STAMP_BYTES_MAX = 40
"""No record's time is longer."""


class LogFile:
    """One open file of a log.

    Raises:
        OSError: it is not there, or may not be read.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.inode = os.fstat(self._fd).st_ino

    def read(self, size: int, offset: int) -> bytes:
        """Up to `size` bytes from `offset` on; none at the end."""
        return os.pread(self._fd, size, offset)

    def size_bytes(self) -> int:
        """How much was written by now."""
        return os.fstat(self._fd).st_size

    def first_stamp(self) -> str:
        """The time of the first record; "" while there is none."""
        return self.read(STAMP_BYTES_MAX, 0).partition(b" ")[0].decode("ascii", "replace")

    def identity(self) -> str:
        """What no other file of the log has."""
        return f"{self.inode:x}-{self.first_stamp()}"

    def has(self, identity: str) -> bool:
        """Whether the identity is its own, perhaps from when it was empty."""
        own = self.identity()
        return own == identity or (identity.endswith("-") and own.startswith(identity))

    def close(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_files(path: Path) -> list[LogFile]:
    """All files of a log, the oldest first; the last one is the one that is written to.

    They are opened from the newest on: if the log is rotated meanwhile, a file is met twice and not missed.
    """
    opened: dict[int, LogFile] = {}
    for each in reversed(log_files(path)):
        try:
            file = LogFile(each)
        except OSError:
            continue  # It was renamed or deleted a moment ago.
        if file.inode in opened:
            file.close()
        else:
            opened[file.inode] = file
    return [*reversed(opened.values())]


def close_all(files: Iterable[LogFile]) -> None:
    """Let go of them."""
    for file in files:
        file.close()
