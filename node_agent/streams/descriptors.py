"""Reading and writing pipes, sockets and terminals at the pace of whoever is slower, without holding up the loop.

The descriptors are non-blocking ones. *Never*: keeps bytes, or closes a descriptor.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from typing import Any


async def read_chunks(fd: int, bytes_max: int, over: asyncio.Future[Any]) -> AsyncGenerator[bytes, None]:
    """What can be read, until its end; or, once `over` is done, until nothing is there any more."""
    while True:
        try:
            data = os.read(fd, bytes_max)
        except BlockingIOError:
            if over.done():
                return
            await _readable(fd, over)
            continue
        except OSError:
            return  # The terminal was hung up.
        if not data:
            return
        yield data


async def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of it.

    Raises:
        OSError: nobody reads it any more.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            await _writable(fd)


async def _readable(fd: int, over: asyncio.Future[Any]) -> None:
    loop = asyncio.get_running_loop()
    ready, wake = _alarm(loop)
    loop.add_reader(fd, wake)
    over.add_done_callback(wake)
    try:
        await ready
    finally:
        loop.remove_reader(fd)
        over.remove_done_callback(wake)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready, wake = _alarm(loop)
    loop.add_writer(fd, wake)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


def _alarm(loop: asyncio.AbstractEventLoop) -> tuple[asyncio.Future[None], Callable[..., None]]:
    """A future, and what makes it done."""
    ready: asyncio.Future[None] = loop.create_future()

    def wake(*_: object) -> None:
        if not ready.done():
            ready.set_result(None)

    return ready, wake
