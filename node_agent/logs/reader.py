"""A place in one container's log that moves on as the log is read, over rotations too.

A `LogReader` hands out rendered text piece by piece, so that neither a long line nor a large file is ever held in
memory. Rotation renames the current file and at last deletes it; the reader keeps the file that it reads open, goes on
with its successor, and tells if there was none any more: then lines may have been lost.

Reads: log files. Never: waits. Whoever follows a log asks again later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from node_agent.logs.files import STAMP_BYTES_MAX, LogFile, close_all, open_files
from node_agent.logs.rendering import Renderer
from node_agent.logs.seeking import since_offset, tail_offset
from proto.log_chunks import TEXT_BYTES_MAX
from proto.objects.meta import rfc3339

BLOCK_BYTES = TEXT_BYTES_MAX
"""What is read at once. Text is never longer than its records, so a block's text fits into one chunk of a stream."""

RECORD_BYTES_MAX = 1024 * 1024
"""What is longer without a newline is no record, and left out."""


@dataclass(frozen=True, slots=True)
class LogChoice:
    """Which lines are wanted: those since a time, the last `tail` of all (-1: all), with or without their time."""

    since: datetime | None = None
    tail: int = -1
    timestamps: bool = False


class LogPlace(NamedTuple):
    """A place between two records, for a later reader: in the file with that identity ("": before all records).

    `stamp` is the time of the last record before it, `inside_line` whether that record left its line open.
    """

    file: str = ""
    offset: int = 0
    stamp: str = ""
    inside_line: bool = False


class Gap(NamedTuple):
    """Records between these two times may have been deleted before they were read."""

    after: str
    before: str


class LogReader:
    """A place in one container's log. Ask `read` until it is empty; when more was written, ask again."""

    def __init__(self, path: Path, choice: LogChoice, place: LogPlace | None = None) -> None:
        """Begin where the choice says, or at a `place` where an earlier reader was."""
        self._path = path
        self._renderer = Renderer(timestamps=choice.timestamps, inside_line=place is not None and place.inside_line)
        self._file: LogFile | None = None
        self._offset = 0
        self._seen_bytes = 0
        self._stamp = "" if place is None else place.stamp
        self._newer: list[str] = []
        self._gap: Gap | None = None
        files = open_files(path)
        if not files:
            return
        if place is not None:
            self._return_to(place, files)
        elif choice.since is None and choice.tail < 0:
            self._begin(files, 0, 0)
        else:
            self._begin(files, *_first_wanted(files, choice))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def place(self) -> LogPlace:
        """Where the next record to be read stands."""
        identity = "" if self._file is None else self._file.identity()
        return LogPlace(identity, self._offset, self._stamp, self._renderer.inside_line)

    def gap(self) -> Gap | None:
        """What may be missing before the text that was read last; told once."""
        gap, self._gap = self._gap, None
        return gap

    def read(self) -> bytes:
        """The next piece of text; empty at the end of what is written by now."""
        while True:
            block = self._next_block()
            if block:
                self._stamp = _last_stamp(block)
                if text := self._renderer.render(block):
                    return text
            elif not self._next_file():
                return b""

    def _next_block(self) -> bytes:
        """The next whole records of the file; empty where there are none."""
        if self._file is None:
            return b""
        size = BLOCK_BYTES
        while True:
            block = self._file.read(size, self._offset)
            end = block.rfind(b"\n") + 1
            if end:
                self._offset += end
                return block[:end] if end < len(block) else block
            if len(block) < size:
                self._seen_bytes = self._offset + len(block)
                return b""
            if size >= RECORD_BYTES_MAX:
                self._offset += len(block)
            else:
                size *= 2

    def _next_file(self) -> bool:
        """Go on with the file that follows the one just read to its end; False if there is nothing to read (yet)."""
        if self._file is not None and _inode(self._path) == self._file.inode:
            return False
        files = open_files(self._path)
        if not files:
            return False
        if self._file is None:
            self._begin(files, 0, 0)
            return True
        inodes = [file.inode for file in files]
        if self._file.inode in inodes:
            number = inodes.index(self._file.inode)
            has_grown = self._file.size_bytes() > self._seen_bytes  # Between our look and the rotation.
            if has_grown or number + 1 == len(files):
                close_all(files)
                return has_grown
            self._begin(files, number + 1, 0)
            return True
        self._skip_to_oldest(files)
        return True

    def _return_to(self, place: LogPlace, files: list[LogFile]) -> None:
        """Go to where an earlier reader was, or to the oldest record if that place is no more."""
        if not place.file:
            self._begin(files, 0, 0)
            return
        for number, file in enumerate(files):
            if file.has(place.file):
                self._begin(files, number, place.offset)
                return
        self._skip_to_oldest(files)

    def _skip_to_oldest(self, files: list[LogFile]) -> None:
        """Go on with the oldest file, as our own is gone; note a gap unless this is its successor.

        The successor is known from before, or begins with the time at which ours ended: what a program prints at once
        bears one time, and may be cut by a rotation, but fills no whole file.
        """
        known = bool(self._newer) and files[0].has(self._newer[0])
        stamp = files[0].first_stamp()
        if not known and stamp != self._stamp:
            self._gap = Gap(self._stamp, stamp)
        self._begin(files, 0, 0)

    def _begin(self, files: list[LogFile], number: int, offset: int) -> None:
        """Read on in the file of that number, and let go of all others."""
        self.close()
        self._file = files.pop(number)
        self._offset = offset
        self._newer = [file.identity() for file in files[number:]]
        close_all(files)


def _first_wanted(files: list[LogFile], choice: LogChoice) -> tuple[int, int]:
    """(number of the file, offset) of the first record that a choice wants."""
    number, offset = _tail_place(files, choice.tail) if choice.tail >= 0 else (0, 0)
    if choice.since is None:
        return number, offset
    stamp = rfc3339(choice.since).removesuffix("Z")
    for later in range(len(files) - 1, number, -1):
        if files[later].first_stamp() < stamp and files[later].size_bytes():
            return later, since_offset(files[later], stamp)
    return number, since_offset(files[number], stamp, offset)


def _tail_place(files: list[LogFile], lines: int) -> tuple[int, int]:
    newest = len(files) - 1
    if lines == 0:
        return newest, files[newest].size_bytes()
    for number in range(newest, -1, -1):
        offset, found = tail_offset(files[number], lines)
        lines -= found
        if offset:
            return number, offset
    return 0, 0


def _last_stamp(block: bytes) -> str:
    """The time of the last record of a block."""
    start = block.rfind(b"\n", 0, len(block) - 1) + 1
    return block[start : start + STAMP_BYTES_MAX].partition(b" ")[0].decode("ascii", "replace")


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
