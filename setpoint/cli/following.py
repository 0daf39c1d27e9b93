"""Following a pod's output beyond the life of the agent that tells it.

A stream ends with its sender, but the program goes on, and its next agent has every line. So the lines are asked for
with their times: after a break everything is asked for again, and what was seen is left out. Lines of one instant are
told apart by counting them.

Reads: streams of lines that begin with their time. Never: waits longer than `AWAY_S_MAX` for an agent that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from proto.bus.port import BusError
from proto.errors import Unavailable
from proto.streams import StreamBroken

AWAY_S_MAX = 30.0
RETRY_S = 0.5


class Seen:
    """Where a reader is: the time of the last line, and how many lines of that time it has."""

    def __init__(self) -> None:
        self._stamp = b""
        self._count = 0
        self._repeated = 0

    def again(self) -> None:
        """All lines come once more, from the first on."""
        self._repeated = 0

    def is_new(self, stamp: bytes) -> bool:
        """Whether the next line, of that time, was not seen before; it is from now on."""
        if stamp < self._stamp:
            return False
        if stamp > self._stamp:
            self._stamp, self._count, self._repeated = stamp, 0, 0
        self._repeated += 1
        if self._repeated <= self._count:
            return False
        self._count = self._repeated
        return True


async def followed(
    first: Callable[[], AsyncGenerator[bytes, None]], again: Callable[[], AsyncGenerator[bytes, None]]
) -> AsyncIterator[tuple[bytes, bytes]]:
    """(time, line) for every line: of the stream `first`, and of `again`, which has all lines, after each break.

    Raises:
        StreamBroken | BusError | Unavailable: the first stream never began, or none came back in time.
    """
    loop, seen, stream = asyncio.get_running_loop(), Seen(), first
    away_since_s = float("-inf")
    while True:
        try:
            async with aclosing(stream()) as lines:
                async for line in lines:
                    stamp, _, text = line.partition(b" ")
                    away_since_s = float("inf")
                    if seen.is_new(stamp):
                        yield stamp, text
            return
        except (StreamBroken, BusError, Unavailable):
            away_since_s = min(away_since_s, loop.time())
            if loop.time() - away_since_s > AWAY_S_MAX:
                raise
        stream = again
        seen.again()
        await asyncio.sleep(RETRY_S)
