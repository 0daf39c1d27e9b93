"""Output that has left its pipe and has not reached the log yet.

A pipe forgets what was read from it, and we may be killed at any instant. So the bytes go from the pipe
into a small file within one system call (`splice`, which never brings them into our memory), are read back
from there, and stay in the file until the log has them. At every instant a byte is in the pipe, in this
file or in the log. Only a death in the few microseconds between the log's write and the file's makes the
next supervisor repeat a chunk; none makes it lose one.

Where the file cannot be written (disk full, read-only) the pipe is simply read: output matters less than
progress.
"""
# ruff: noqa: PTH110

import os

_READ_BYTES_MAX = 1024 * 1024


class Pending:
    """The file of one stream; it exists only once the stream has printed something."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._kept_bytes = 0

    def recover(self) -> bytes:
        """What an earlier supervisor left behind."""
        if not os.path.exists(self._path) or not self._open():
            return b""
        assert self._fd is not None
        return os.pread(self._fd, _READ_BYTES_MAX, 0)

    def take(self, pipe_fd: int, count: int) -> bytes:
        """Takes up to `count` bytes out of the pipe; empty when all writers are gone.

        Raises:
            BlockingIOError: Nothing is there now.
        """
        if not self._open():
            return os.read(pipe_fd, count)
        assert self._fd is not None
        try:
            taken = os.splice(pipe_fd, self._fd, count, offset_dst=self._kept_bytes)
        except BlockingIOError:
            raise
        except OSError:
            return os.read(pipe_fd, count)
        return os.pread(self._fd, taken, self._kept_bytes) if taken else b""

    def keep(self, rest: bytes) -> None:
        """Lets go of all but the line that has not ended yet."""
        if self._fd is None:
            return
        try:
            if rest:
                os.pwrite(self._fd, rest, 0)
            os.ftruncate(self._fd, len(rest))
            self._kept_bytes = len(rest)
        except OSError:
            self.close()

    def close(self) -> None:
        """Lets go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> bool:
        if self._fd is None:
            try:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                return False
        return True
