"""One container's output on its way from two FIFOs, or a terminal, into one log.

Each stream is read a bounded chunk at a time, so that a flooding program shares us fairly with the quiet
ones; what it prints beyond that waits in its own pipe. What is on its way lies in `pending` files, so that
our sudden death loses nothing.

*Reads* the FIFOs. *Writes* the log and the pending files. *Never* blocks, and never fails because of a full
disk.
"""

import os
import time
from collections.abc import Callable, Mapping

from node_agent.supervisor.logfile import LineSplitter, RotatedLog
from node_agent.supervisor.loop import READABLE, Loop
from node_agent.supervisor.pending import NOWHERE, Pending

_CHUNK_BYTES = 64 * 1024
_CHUNKS_AT_END_MAX = 64  # A pipe holds less; a writer that cannot be killed must not hold us.


class Stream:
    """One FIFO, or the terminal: `fd`, which is closed at its end. `heard` is told each chunk."""

    __slots__ = ("_fd", "_heard", "_log", "_loop", "_name", "_pending", "_splitter")

    def __init__(
        self, name: str, fd: int, folder: str, log: RotatedLog, loop: Loop, heard: Callable[[str, bytes], None]
    ) -> None:
        self._name = name
        self._heard = heard
        self._log = log
        self._loop = loop
        self._splitter = LineSplitter(name)
        self._pending = Pending(f"{folder}/{name}.pending")
        self._fd: int | None = fd
        left_behind, position = self._pending.recover()
        if position != NOWHERE:
            log.take_back(position)
        if left_behind:
            self._store(left_behind)
        loop.watch(fd, self._on_ready)

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
        except OSError:
            return 0  # The terminal was hung up.
        if chunk:
            self._store(chunk)
            self._heard(self._name, chunk)
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
    """The streams of a container by their names, and the log they share."""

    __slots__ = ("_streams", "log")

    def __init__(
        self, fds: Mapping[str, int], folder: str, log: RotatedLog, loop: Loop, heard: Callable[[str, bytes], None]
    ) -> None:
        self.log = log
        self._streams = [Stream(name, fd, folder, log, loop, heard) for name, fd in fds.items()]

    def finish(self) -> None:
        """Drains all streams and closes the log."""
        for stream in self._streams:
            stream.finish()
        self.log.close()
