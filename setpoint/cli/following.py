"""Reading a container's output, and going on with it beyond the life of the agent that tells it.

A stream ends with its sender, but the program goes on, and its next agent has every line. Each chunk bears a mark for
where it ends; after a break the next stream is asked to go on behind the last one. So no line comes twice, none is
lost, and if some were deleted meanwhile the reader is told.

Reads: streams of chunks (`proto.log_chunks`). Never: looks at the lines; waits longer than `AWAY_S_MAX` for an agent
that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from proto.bus.port import BusError
from proto.errors import Unavailable
from proto.log_chunks import unpack_log_chunk
from proto.streams import StreamBroken

AWAY_S_MAX = 30.0
RETRY_S = 0.5

Mark = dict[str, Any]
"""Where a chunk ends, in the agent's own words."""

Ask = Callable[[Mark | None], AsyncGenerator[bytes, None]]
"""Opens a stream of what is wanted, or of what comes behind a mark."""


async def followed(
    ask: Ask, *, missed: Callable[[str, str], object], patient: bool = True
) -> AsyncGenerator[memoryview, None]:
    """The text piece by piece. `missed` hears between which times lines may be missing.

    An agent that is away is waited for, if the reader is `patient` and the stream had begun.

    Raises:
        StreamBroken | BusError | Unavailable: the stream never began or broke, or none came back in time.
    """
    loop, mark = asyncio.get_running_loop(), None
    away_since_s = float("-inf")
    while True:
        try:
            async with aclosing(ask(mark)) as chunks:
                async for data in chunks:
                    chunk = unpack_log_chunk(data)
                    away_since_s = float("inf") if patient else away_since_s
                    if chunk.gap is not None:
                        missed(*chunk.gap)
                    if chunk.text:
                        yield memoryview(chunk.text)
                    mark = chunk.mark
            return
        except (StreamBroken, BusError, Unavailable):
            away_since_s = min(away_since_s, loop.time())
            if loop.time() - away_since_s > AWAY_S_MAX:
                raise
        await asyncio.sleep(RETRY_S)
