"""One container's output on its way from two FIFOs into one log.

Each stream is read a bounded chunk at a time, so that a flooding program shares us fairly with the quiet
ones; what it prints beyond that waits in its own pipe. A line that has not ended yet is laid down in a
`.partial` file, so that our sudden death loses nothing that was read.

*Reads* the FIFOs. *Writes* the log and the `.partial` files. *Never* blocks, and never fails because of a
full disk.
"""
# ruff: noqa: PTH103

import os
import time

from node_agent.supervisor.logfile import LineSplitter, RotatedLog
from node_agent.supervisor.loop import Loop

STREAMS = ("stdout", "stderr")
_CHUNK_BYTES = 64 * 1024
_CHUNKS_AT_END_MAX = 64  # A pipe holds less; a writer that cannot be killed must not hold us.


class Stream:
    """One FIFO."""

    def __init__(self, name: str, folder: str, log: RotatedLog, loop: Loop) -> None:
        self._log = log
        self._loop = loop
        self._partial_path = f"{folder}/{name}.partial"
        rest = _read_all(self._partial_path)
        self._partial_on_disk = bool(rest)
        self._splitter = LineSplitter(name, rest)
        self._fd: int | None = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        loop.watch(self._fd, lambda events: self._on_ready())

    def _on_ready(self) -> None:
        if self.pump() == 0:
            self._release()

    def pump(self) -> int | None:
        """Moves one chunk; how many bytes it had, 0 when all writers are gone, None when nothing is there."""
        if self._fd is None:
            return None
        try:
            chunk = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None
        if chunk:
            records = self._splitter.feed(chunk, time.time_ns())
            if records:
                self._log.write(records)
            self._keep_partial()
        return len(chunk)

    def finish(self) -> None:
        """Takes what is left after the last writer has gone, and lets go."""
        for _ in range(_CHUNKS_AT_END_MAX):
            if not self.pump():
                break
        self._release()
        records = self._splitter.finish(time.time_ns())
        if records:
            self._log.write(records)
        self._keep_partial()

    def _release(self) -> None:
        if self._fd is not None:
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = None

    def _keep_partial(self) -> None:
        """Lays down the line that has not ended. Without disk space it stays in memory only."""
        rest = self._splitter.rest
        if not rest and not self._partial_on_disk:
            return
        try:
            fd = os.open(self._partial_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.write(fd, rest)
        except OSError:
            pass
        finally:
            os.close(fd)
        self._partial_on_disk = bool(rest)


class Output:
    """Both streams of a container and the log they share."""

    def __init__(self, folder: str, log: RotatedLog, loop: Loop) -> None:
        self.log = log
        self._streams = [Stream(name, folder, log, loop) for name in STREAMS]

    def finish(self) -> None:
        """Drains both streams and closes the log."""
        for stream in self._streams:
            stream.finish()
        self.log.close()


def make_fifos(folder: str) -> None:
    """Makes the folder of a container with its two FIFOs; they may be there already.

    Raises:
        OSError: The disk is full or read-only.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in STREAMS:
        try:
            os.mkfifo(f"{folder}/{name}", 0o600)
        except FileExistsError:
            continue


def _read_all(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _CHUNK_BYTES)
    finally:
        os.close(fd)
