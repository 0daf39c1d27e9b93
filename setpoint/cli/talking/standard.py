"""Our stdin and stdout, read and written by threads: whatever is on the other side may take its time.

The loop goes on meanwhile, so a conversation stays alive while `less` shows one page of it, or nobody types. The
threads are daemons, because a read of a terminal cannot be called off.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sys
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import CancelledError
from contextlib import suppress

from proto.frames import how_it_ended

WAITING_MAX = 4
PIPE_BYTES = 1024 * 1024
"""What a pipe behind us should hold: several chunks, so that reader and writer seldom wait for each other."""


async def input_chunks(fd: int, bytes_max: int) -> AsyncGenerator[bytes, None]:
    """What comes in on a descriptor, until its end."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)

    def read() -> None:
        while True:
            try:
                data = os.read(fd, bytes_max)
            except OSError:
                data = b""
            try:
                asyncio.run_coroutine_threadsafe(chunks.put(data), loop).result()
            except (RuntimeError, CancelledError):
                return  # The loop has ended, and with it whoever wanted to read.
            if not data:
                return

    threading.Thread(target=read, daemon=True, name=f"read {fd}").start()
    while data := await chunks.get():
        yield data


class Outlet:
    """Writes to descriptors in the order of the calls, each of which waits until it is written."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[int, bytes | memoryview, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._write, daemon=True, name="outlet").start()

    async def write(self, fd: int, data: bytes | memoryview) -> None:
        """Write all of it.

        Raises:
            BrokenPipeError | OSError: nobody reads it any more.
        """
        written: asyncio.Future[None] = self._loop.create_future()
        self._work.put((fd, data, written))
        await written

    def _write(self) -> None:
        while True:
            fd, data, written = self._work.get()
            problem: OSError | None = None
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(fd, rest) :]
            except OSError as raised:
                problem = raised
            try:
                self._loop.call_soon_threadsafe(_settle, written, problem)
            except RuntimeError:
                return  # The loop has ended.


def widen(fd: int) -> None:
    """Let a pipe hold more, if it is one and the kernel lets us."""
    with suppress(OSError):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _settle(written: asyncio.Future[None], problem: OSError | None) -> None:
    if written.done():
        return
    if problem is None:
        written.set_result(None)
    else:
        written.set_exception(problem)


def said_how_it_ended(chunk: bytes) -> int:
    """The exit code in the last chunk of a conversation; what else it tells is said on stderr."""
    exit_code, message = how_it_ended(chunk[1:])
    if message:
        print(message, file=sys.stderr)
    return exit_code
