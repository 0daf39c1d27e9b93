"""Output as it is kept: lines in the CRI format, in files that are rotated by size.

    2026-01-31T12:00:00.123456789Z stdout F a whole line
    2026-01-31T12:00:00.123456789Z stderr P the first 16 KiB of a very long

`F` ends a line, `P` continues in the next record of the same stream (Kubernetes: kubelet-cri-logging). The
content is the program's bytes, untouched; only newlines separate records.

A disk that is full or read-only never blocks a workload: what cannot be written is dropped and counted.
"""
# ruff: noqa: PTH103, PTH104, PTH108, PTH110, PTH116, PTH120

import os
import time
from itertools import pairwise

from node_agent.supervisor.descriptors import sparing
from node_agent.supervisor.pending import NOWHERE, LogPosition

RECORD_BYTES_MAX = 16 * 1024


class LineSplitter:
    """Turns one stream's chunks into records, and holds back the line that has not ended."""

    __slots__ = ("_stream", "rest")

    def __init__(self, stream: str) -> None:
        self._stream = stream.encode()
        self.rest = b""

    def feed(self, chunk: bytes, now_ns: int) -> bytes:
        """The records that the chunk completes; all bear the time of the chunk."""
        data = self.rest + chunk
        if _has_a_long_line(data):
            return self._feed_long(data, now_ns)
        end = data.rfind(b"\n")
        self.rest = data[end + 1 :]
        if end < 0:
            return b""
        full = self._prefix(now_ns, b"F")
        return b"".join((full, data[:end].replace(b"\n", b"\n" + full), b"\n"))

    def _feed_long(self, data: bytes, now_ns: int) -> bytes:
        """The records of lines of which some are longer than one may be."""
        full, partial = self._prefix(now_ns, b"F"), self._prefix(now_ns, b"P")
        *lines, rest = data.split(b"\n")
        records = []
        for line in lines:
            while len(line) > RECORD_BYTES_MAX:
                records.append(partial + line[:RECORD_BYTES_MAX])
                line = line[RECORD_BYTES_MAX:]
            records.append(full + line)
        while len(rest) > RECORD_BYTES_MAX:
            records.append(partial + rest[:RECORD_BYTES_MAX])
            rest = rest[RECORD_BYTES_MAX:]
        self.rest = rest
        return b"\n".join(records) + b"\n" if records else b""

    def finish(self, now_ns: int) -> bytes:
        """The last line, if it lacked its newline."""
        line, self.rest = self.rest, b""
        return self._prefix(now_ns, b"F") + line + b"\n" if line else b""

    def _prefix(self, now_ns: int, flag: bytes) -> bytes:
        return b"%s %s %s " % (timestamp(now_ns), self._stream, flag)


def _has_a_long_line(data: bytes) -> bool:
    """Whether there are more than `RECORD_BYTES_MAX` bytes without a newline: looked for in leaps, not line by line."""
    begin = 0
    while len(data) - begin > RECORD_BYTES_MAX:
        newline = data.rfind(b"\n", begin, begin + RECORD_BYTES_MAX + 1)
        if newline < 0:
            return True
        begin = newline + 1
    return False


def timestamp(now_ns: int) -> bytes:
    """RFC 3339 in UTC with all nine digits of nanoseconds."""
    seconds, nanos = divmod(now_ns, 1_000_000_000)
    return b"%s.%09dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode(), nanos)


class RotatedLog:
    """One log file and its older ones, `path.1` being the newest of these."""

    __slots__ = ("_fd", "_max_bytes", "_max_files", "_path", "_size_bytes", "dropped_bytes")

    def __init__(self, path: str, max_bytes: int, max_files: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_files = max(1, max_files)
        self._fd: int | None = None
        self._size_bytes = 0
        self.dropped_bytes = 0

    def write(self, records: bytes) -> None:
        """Appends whole records, rotating between two of them; drops what the disk does not take."""
        start = 0
        while start < len(records):
            try:
                end = self._make_room(records, start)
                self._append(records[start:end])
            except OSError:
                self.dropped_bytes += len(records) - start
                return
            start = end

    def position(self) -> LogPosition:
        """Where the next record will be written; `NOWHERE` if it cannot be told."""
        try:
            self._open()
            assert self._fd is not None
            return LogPosition(os.fstat(self._fd).st_ino, self._size_bytes)
        except OSError:
            return NOWHERE

    def take_back(self, position: LogPosition) -> None:
        """Removes what was written behind `position`, in its file and in those that a rotation has begun since."""
        self.close()
        newer: list[str] = []
        for path in self._all_paths():
            try:
                found = os.stat(path)
                if found.st_ino == position.inode:
                    os.truncate(path, min(position.size_bytes, found.st_size))
                    for each in newer:
                        os.truncate(each, 0)
                    return
            except OSError:
                return
            newer.append(path)

    def close(self) -> None:
        """Lets go of the file; a later write opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def remove_if_empty(self) -> None:
        """Deletes the current file if nothing was ever written to it."""
        self.close()
        try:
            if os.stat(self._path).st_size == 0:
                os.unlink(self._path)
        except OSError:
            return

    def remove(self) -> None:
        """Deletes all files."""
        self.close()
        for path in self._all_paths():
            try:
                os.unlink(path)
            except OSError:
                continue

    def _make_room(self, records: bytes, start: int) -> int:
        """Up to where the records from `start` on fit into the current file, after a rotation if none does."""
        self._open()
        if self._size_bytes + len(records) - start <= self._max_bytes:
            return len(records)
        end = self._fitting(records, start)
        if end == start and self._size_bytes > 0:
            self._rotate()
            end = self._fitting(records, start)
        return end if end > start else records.index(b"\n", start) + 1

    def _fitting(self, records: bytes, start: int) -> int:
        room = max(0, self._max_bytes - self._size_bytes)
        return max(start, records.rfind(b"\n", start, start + room) + 1)

    def _open(self) -> None:
        if self._fd is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            with sparing():
                try:
                    self._fd = os.open(self._path, flags, 0o640)
                except FileNotFoundError:
                    os.makedirs(os.path.dirname(self._path), exist_ok=True)
                    self._fd = os.open(self._path, flags, 0o640)
            self._size_bytes = os.fstat(self._fd).st_size

    def _append(self, records: bytes) -> None:
        """Writes all or nothing: a torn record would garble the next one."""
        assert self._fd is not None
        written = 0
        try:
            while written < len(records):
                written += os.write(self._fd, records[written:] if written else records)
        except OSError:
            os.ftruncate(self._fd, self._size_bytes)
            raise
        self._size_bytes += written

    def _rotate(self) -> None:
        self.close()
        paths = self._all_paths()
        if os.path.exists(paths[-1]):
            os.unlink(paths[-1])
        for path, older in reversed(list(pairwise(paths))):
            if os.path.exists(path):
                os.rename(path, older)
        self._open()

    def _all_paths(self) -> list[str]:
        return [self._path, *(f"{self._path}.{age}" for age in range(1, self._max_files))]
