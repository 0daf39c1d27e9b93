"""One container's output on its way from two FIFOs into one log.

Each stream is read a bounded chunk at a time, so that a flooding program shares us fairly with the quiet
ones; what it prints beyond that waits in its own pipe. What is on its way lies in `pending` files, so that
our sudden death loses nothing.

*Reads* the FIFOs. *Writes* the log and the pending files. *Never* blocks, and never fails because of a full
disk.
"""
# ruff: noqa: PTH102, PTH103

import os
import time

from node_agent.supervisor.logfile import LineSplitter, RotatedLog
from node_agent.supervisor.loop import READABLE, Loop
from node_agent.supervisor.pending import NOWHERE, Pending

STREAMS = ("stdout", "stderr")
_CHUNK_BYTES = 64 * 1024
_CHUNKS_AT_END_MAX = 64  # A pipe holds less; a writer that cannot be killed must not hold us.


class Stream:
    """One FIFO."""

    def __init__(self, name: str, folder: str, log: RotatedLog, loop: Loop) -> None:
        self._log = log
        self._loop = loop
        self._splitter = LineSplitter(name)
        self._pending = Pending(f"{folder}/{name}.pending")
        self._fd: int | None = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        left_behind, position = self._pending.recover()
        if position != NOWHERE:
            log.take_back(position)
        if left_behind:
            self._store(left_behind)
        loop.watch(self._fd, self._on_ready)

    def _on_ready(self, events: int) -> None:
        """Takes a chunk, and lets go once all writers are gone: a hang-up alone says that nothing is left of theirs."""
        if not events & READABLE or self.pump() == 0:
            self._release()

    def pump(self) -> int | None:
        """Moves one chunk; how many bytes it had, 0 when all writers are gone, None when nothing is there."""
        if self._fd is None:
            return None
        try:
            chunk = self._pending.take(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None
        if chunk:
            self._store(chunk)
        return len(chunk)

    def finish(self) -> None:
        """Takes what is left after the last writer has gone, and lets go."""
        for _ in range(_CHUNKS_AT_END_MAX):
            if not self.pump():
                break
        self._release()
        if records := self._splitter.finish(time.time_ns()):
            self._pending.logging(self._log.position())
            self._log.write(records)
        self._pending.keep(b"")
        self._pending.close()

    def _store(self, chunk: bytes) -> None:
        if records := self._splitter.feed(chunk, time.time_ns()):
            self._pending.logging(self._log.position())
            self._log.write(records)
        self._pending.keep(self._splitter.rest)

    def _release(self) -> None:
        if self._fd is not None:
            self._loop.forget(self._fd)
            os.close(self._fd)
            self._fd = None


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
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(folder, mode=0o700)
    for name in STREAMS:
        try:
            os.mkfifo(f"{folder}/{name}", 0o600)
        except FileExistsError:
            continue
