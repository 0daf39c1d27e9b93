"""Reads what one container printed, from rotated files that may still be written to.

A `LogReader` hands out rendered text piece by piece, so that neither a long line nor a large file is ever held in
memory. Rotation renames the current file; the reader notices that its file has a successor and goes on with that one.

The format of a record is the CRI's, see `node_agent.runtime.logs`. As in the kubelet, a record that continues its line
(`P`) is handed out without a newline.

Reads: log files. Never: waits. Whoever follows a log asks again later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from node_agent.runtime.logs import log_files
from proto.objects.meta import rfc3339

BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class LogChoice:
    """Which lines are wanted: those since a time, the last `tail` of all (-1: all), with or without their time."""

    since: datetime | None = None
    tail: int = -1
    timestamps: bool = False


class LogReader:
    """A place in one container's log. Ask `read` until it is empty; when more was written, ask again."""

    def __init__(self, path: Path, choice: LogChoice) -> None:
        self._path = path
        self._since = rfc3339(choice.since).removesuffix("Z").encode() if choice.since else b""
        self._timestamps = choice.timestamps
        self._begun = b""
        self._inside_line = False
        self._file = -1
        self._seek(choice.tail)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self) -> bytes:
        """The next piece of text; empty at the end of what is written by now."""
        while True:
            block = os.read(self._file, BLOCK_BYTES) if self._file >= 0 else b""
            if not block:
                if not self._next_file():
                    return b""
                continue
            *records, self._begun = (self._begun + block).split(b"\n")
            text = b"".join(map(self._render, records))
            if text:
                return text

    def _render(self, record: bytes) -> bytes:
        """One record as people see it."""
        fields = record.split(b" ", 3)
        if len(fields) != 4 or fields[0] < self._since:
            return b""
        stamp = fields[0] + b" " if self._timestamps and not self._inside_line else b""
        self._inside_line = fields[2] == b"P"
        return stamp + fields[3] + (b"" if self._inside_line else b"\n")

    def _seek(self, tail: int) -> None:
        """Open the file in which the wanted lines begin, at their beginning."""
        files = log_files(self._path)
        if tail < 0:
            self._open(files[0] if files else self._path, 0)
            return
        for path in reversed(files):
            offset, found = tail_offset(path, tail)
            self._open(path, offset)
            tail -= found
            if tail <= 0:
                return

    def _next_file(self) -> bool:
        """Open the file that follows the one just read to its end; False if there is nothing to read (yet)."""
        files = log_files(self._path)
        if self._file < 0:
            return bool(files) and self._open(files[0], 0)
        current = os.fstat(self._file).st_ino
        inodes = [_inode(path) for path in files]
        if current in inodes:
            following = files[inodes.index(current) + 1 :]
            return bool(following) and (self._unread() > 0 or self._open(following[0], 0))
        return bool(files) and self._open(files[0], 0)

    def _unread(self) -> int:
        """Bytes that were written to the current file since it was read to its end."""
        return os.fstat(self._file).st_size - os.lseek(self._file, 0, os.SEEK_CUR)

    def _open(self, path: Path, offset: int) -> bool:
        try:
            opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        self.close()
        self._file = opened
        os.lseek(opened, offset, os.SEEK_SET)
        return True


def tail_offset(path: Path, lines: int) -> tuple[int, int]:
    """Where the last `lines` lines of a file begin, and how many there are (at most `lines`)."""
    try:
        size = path.stat().st_size
    except OSError:
        return 0, 0
    if lines == 0:
        return size, 0
    found, start = 0, size
    for offset, record in _records_backwards(path):
        if _ends_line(record):
            if found == lines:
                return start, found
            found += 1
        start = offset
    return 0, found


def _ends_line(record: bytes) -> bool:
    fields = record.split(b" ", 3)
    return len(fields) == 4 and fields[2] != b"P"


def _records_backwards(path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole records with their offsets, the last one first."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            begin = max(end - BLOCK_BYTES, 0)
            file.seek(begin)
            block = file.read(end - begin) + rest
            first = block.find(b"\n") + 1 if begin > 0 else 0
            if begin > 0 and first == 0:
                rest, end = block, begin
                continue
            rest = block[:first]
            offset = begin + len(block)
            for record in reversed(block[first:].split(b"\n")):
                offset -= len(record)
                if record:
                    yield offset, record
                offset -= 1
            end = begin


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
