"""One conversation with a program in a container: what we type goes there, what it prints comes here.

Reads: our stdin, the size of our terminal. Writes: our stdout and stderr. Never: waits for stdin once the program has
ended.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from proto.bus.port import Bus, BusError
from proto.duplex import converse
from proto.frames import (
    CONTENT_BYTES_MAX,
    ENDED,
    MISSED,
    STDERR,
    STDIN,
    STDOUT,
    frame,
    how_much_was_missed,
    resized,
)
from proto.streams import StreamBroken
from setpoint.cli.errors import CliError
from setpoint.cli.talking import terminal
from setpoint.cli.talking.standard import WAITING_MAX, Outlet, input_chunks, said_how_it_ended


class Words:
    """What is said to the program: our stdin if it is wanted, and the size of our terminal when it changes."""

    def __init__(self, *, stdin: bool) -> None:
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_MAX)
        self._reading = asyncio.get_running_loop().create_task(self._read()) if stdin else None

    def tell_size(self) -> None:
        """Say how large the terminal is now. Of sizes that come too fast only the next one matters."""
        if not self._frames.full():
            self._frames.put_nowait(resized(*terminal.size()))

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Everything, until the end of stdin."""
        while (each := await self._frames.get()) is not None:
            yield each

    def close(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        async for data in input_chunks(sys.stdin.fileno(), CONTENT_BYTES_MAX):
            await self._frames.put(frame(STDIN, data))
        await self._frames.put(None)


async def hold(bus: Bus, subject: str, request: bytes, *, stdin: bool, tty: bool, who: str) -> int:
    """Hold the conversation that `request` begins; the program's exit code. `who` names its agent in errors.

    Raises:
        CliError: it could not begin, or broke off.
        ApiError: the agent refuses it.
    """
    with ExitStack() as stack:
        words = Words(stdin=stdin)
        stack.callback(words.close)
        if tty:
            stack.enter_context(terminal.raw())
            stack.enter_context(terminal.resizing(words.tell_size))
        try:
            return await _listen(converse(bus, subject, request, words.frames()))
        except BusError:
            raise CliError(f"{who} does not answer, so nothing can be run there now") from None
        except StreamBroken as error:
            raise CliError(f"the conversation with {who} broke off: {error}") from None


async def _listen(answer: AsyncGenerator[bytes, None]) -> int:
    outlet = Outlet()
    targets = {STDOUT: sys.stdout.fileno(), STDERR: sys.stderr.fileno()}
    async with aclosing(answer) as chunks:
        async for chunk in chunks:
            if chunk[0] in targets:
                await outlet.write(targets[chunk[0]], memoryview(chunk)[1:])
            elif chunk[0] == MISSED:
                count = how_much_was_missed(chunk[1:])
                print(f"Warning: {count} bytes were printed faster than they could be told, and are left out here",
                      end="\r\n", file=sys.stderr, flush=True)  # fmt: skip
            elif chunk[0] == ENDED:
                return said_how_it_ended(chunk)
    raise StreamBroken("it ended without telling how")
