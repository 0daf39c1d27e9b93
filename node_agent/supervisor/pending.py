"""Output that has left its pipe and has not reached the log yet.

A pipe forgets what was read from it, and we may be killed at any instant. So the bytes go from the pipe
into a small file within one system call (`splice`, which never brings them into our memory), are read back
from there, and stay in the file until the log has them.

Which bytes the log has is told by a mark beside the file, written in one piece:

    (which of two files, where the unlogged bytes begin, and while the log is written: its inode and size before)

Before the log is written the mark notes where the log stood; after it, one write moves the beginning on. A
death in between leaves a mark that says so, and the next supervisor takes the log back to where it stood and
writes it again. So no byte is lost and none is told twice. When a file has grown, the line that has not ended
moves to the other file, and the mark with it.

Where the files cannot be written (disk full, read-only) the pipe is simply read: output matters less than
progress. A terminal cannot be spliced: what it shows is in our memory for a moment, and a death just then costs that.
"""

import os
import struct
from typing import NamedTuple

from node_agent.supervisor.descriptors import sparing

_GROWN_BYTES = 64 * 1024
_READ_BYTES_MAX = 1024 * 1024
_MARK = struct.Struct("<QQQQ")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class LogPosition(NamedTuple):
    """Where a log stands: the file's inode, and its size in bytes."""

    inode: int
    size_bytes: int


NOWHERE = LogPosition(0, 0)


class Pending:
    """The files of one stream; they exist only once the stream has printed something."""

    __slots__ = ("_begin", "_end", "_fd", "_mark_fd", "_path", "_which")

    def __init__(self, path: str) -> None:
        self._path = path
        self._which = 0
        self._fd: int | None = None
        self._mark_fd: int | None = None
        self._begin = 0
        self._end = 0

    def recover(self) -> tuple[bytes, LogPosition]:
        """What an earlier supervisor left behind, and to where its log must be taken back (`NOWHERE`: it need not)."""
        try:
            self._which, self._begin, *position = self._read_mark()
            self._fd = os.open(self._place(self._which), os.O_RDWR | os.O_CLOEXEC)
            self._mark_fd = os.open(self._mark_place, _FLAGS, 0o600)
            self._end = max(self._begin, os.fstat(self._fd).st_size)
            return os.pread(self._fd, _READ_BYTES_MAX, self._begin), LogPosition(*position)
        except (OSError, IndexError):
            self.close()
            return b"", NOWHERE

    def take(self, pipe_fd: int, count: int) -> bytes:
        """Takes up to `count` bytes out of the pipe; empty when all writers are gone.

        Raises:
            BlockingIOError: Nothing is there now.
        """
        if self._fd is None and not self._move(b""):
            return os.read(pipe_fd, count)
        assert self._fd is not None
        try:
            taken = os.splice(pipe_fd, self._fd, count, offset_dst=self._end)
        except BlockingIOError:
            raise
        except OSError:  # A terminal cannot be spliced, and a full disk takes nothing.
            return self._take_by_hand(os.read(pipe_fd, count))
        chunk = os.pread(self._fd, taken, self._end) if taken else b""
        self._end += taken
        return chunk

    def _take_by_hand(self, chunk: bytes) -> bytes:
        """Keeps what was read, if the disk takes it; else goes on without the files."""
        assert self._fd is not None
        try:
            if os.pwrite(self._fd, chunk, self._end) == len(chunk):
                self._end += len(chunk)
                return chunk
        except OSError:
            pass
        self._begin = self._end
        self._write_mark(NOWHERE)
        self.close()
        return chunk

    def logging(self, position: LogPosition) -> None:
        """The log, which stands there, is about to be written."""
        self._write_mark(position)

    def keep(self, rest: bytes) -> None:
        """The log has all but `rest`, the line that has not ended yet."""
        if self._fd is None:
            return
        self._begin = self._end - len(rest)
        self._write_mark(NOWHERE)
        if self._end > _GROWN_BYTES:
            self._move(rest)

    def close(self) -> None:
        """Lets go of the files."""
        for fd in (self._fd, self._mark_fd):
            if fd is not None:
                os.close(fd)
        self._fd = self._mark_fd = None

    def _move(self, rest: bytes) -> bool:
        """Goes on in the other file, which then holds `rest`; whether it could."""
        other = 1 - self._which
        fd = None
        try:
            with sparing():
                fd = os.open(self._place(other), _FLAGS | os.O_TRUNC, 0o600)
            if rest:
                os.pwrite(fd, rest, 0)
            if self._mark_fd is None:
                self._mark_fd = os.open(self._mark_place, _FLAGS, 0o600)
            os.pwrite(self._mark_fd, _MARK.pack(other, 0, *NOWHERE), 0)
        except OSError:
            if fd is not None:
                os.close(fd)
            self.close()
            return False
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._which, self._begin, self._end = fd, other, 0, len(rest)
        return True

    def _place(self, which: int) -> str:
        return (self._path, f"{self._path}.1")[which]

    @property
    def _mark_place(self) -> str:
        return f"{self._path}.mark"

    def _read_mark(self) -> tuple[int, ...]:
        with open(self._mark_place, "rb") as mark:  # noqa: PTH123
            data = mark.read(_MARK.size)
        if len(data) < _MARK.size:
            raise FileNotFoundError(self._mark_place)
        return _MARK.unpack(data)

    def _write_mark(self, position: LogPosition) -> None:
        if self._mark_fd is None:
            return
        try:
            os.pwrite(self._mark_fd, _MARK.pack(self._which, self._begin, *position), 0)
        except OSError:
            self.close()
