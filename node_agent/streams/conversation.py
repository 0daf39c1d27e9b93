"""One command and one client who talks with it, until either has ended.

Reads: the client's frames, the command's output. Writes: the command's input, frames. Never: more than a few frames
are kept; a client that does not read lets the command's own writes wait.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any

from node_agent.runtime.port import NoSuchContainer, RuntimeFailure, StartFailed
from node_agent.streams.descriptors import read_chunks, write_all
from node_agent.streams.ends import Ends
from proto.duplex import BROKEN, unheard
from proto.errors import ApiError, NotFound, Unavailable
from proto.frames import CONTENT_BYTES_MAX, RESIZED, STDIN, Channel, ended, frame, new_size

FRAMES_WAITING_MAX = 4
NOT_FOUND_CODE, NOT_EXECUTABLE_CODE = 127, 126
"""What a shell exits with when a command is not there, or is none."""


async def conversation(
    ends: Ends, words: AsyncGenerator[bytes, None], command: Coroutine[Any, Any, int]
) -> AsyncGenerator[bytes, None]:
    """The frames for the client: the command's output as it comes, and how it ended. Closing it ends the command.

    Raises:
        ApiError: nobody knows how it ended, or the client could not be heard any more.
    """
    loop = asyncio.get_running_loop()
    frames: asyncio.Queue[bytes | None] = asyncio.Queue(FRAMES_WAITING_MAX)
    running = loop.create_task(command)
    listening = loop.create_task(_listen(words, ends))
    listening.add_done_callback(lambda heard: None if _heard_out(heard) else running.cancel())
    telling = loop.create_task(_tell(ends, frames, running))
    try:
        while (told := await frames.get()) is not None:
            yield told
        yield _ending(running, listening)
    finally:
        for task in (running, listening, telling):
            task.cancel()
        await asyncio.gather(running, listening, telling, return_exceptions=True)
        ends.close()


async def _tell(ends: Ends, frames: asyncio.Queue[bytes | None], running: asyncio.Task[int]) -> None:
    """All output as frames, until the command has ended and everything that it wrote is read; then None."""

    async def of(channel: Channel, fd: int) -> None:
        async for data in read_chunks(fd, CONTENT_BYTES_MAX, running):
            await frames.put(frame(channel, data))

    await asyncio.gather(*(of(channel, fd) for channel, fd in ends.outputs.items()))
    await asyncio.wait({running})
    await frames.put(None)


async def _listen(words: AsyncGenerator[bytes, None], ends: Ends) -> None:
    """Do what the client's frames say. A command that does not read its input any more lets it fall."""
    async with aclosing(words) as chunks:
        async for chunk in chunks:
            if chunk[0] == STDIN and ends.input is not None:
                try:
                    await write_all(ends.input, memoryview(chunk)[1:])
                except OSError:
                    ends.end_input()
            elif chunk[0] == RESIZED:
                ends.resize(*new_size(chunk[1:]))
    ends.end_input()


def _heard_out(listening: asyncio.Task[None]) -> bool:
    return not listening.cancelled() and listening.exception() is None


def _ending(running: asyncio.Task[int], listening: asyncio.Task[None]) -> bytes:
    """The last frame.

    Raises:
        ApiError
    """
    if listening.done() and not _heard_out(listening):
        raise _as_api_error(listening.exception())
    problem = running.exception()
    if problem is None:
        return ended(running.result())
    if isinstance(problem, StartFailed):
        is_missing = problem.errno in (errno.ENOENT, errno.ENOTDIR)
        return ended(NOT_FOUND_CODE if is_missing else NOT_EXECUTABLE_CODE, str(problem))
    raise _as_api_error(problem)


def _as_api_error(problem: BaseException | None) -> BaseException:
    if isinstance(problem, NoSuchContainer):
        return NotFound("the container has ended")
    if isinstance(problem, BROKEN):
        return unheard(problem)
    if isinstance(problem, RuntimeFailure):
        return Unavailable(str(problem))
    return problem if isinstance(problem, ApiError | Exception) else Unavailable("the conversation was ended")
