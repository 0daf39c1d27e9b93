"""Conversations over the bus: two streams of `proto.streams`, one each way, that begin with one request.

    client                                              server
    request on its subject, `Sp-Back` = a subject of --> serve_stream(bus, message, …, reading answered(bus, message))
    its own, on which it serves its bytes            <-- a stream request on `Sp-Back`

Each direction has its own credit and ends by itself, so either side may say that it has no more to say and still
listen (half-close). The conversation is over when the server's stream has ended, well or badly; where both directions
count alike, when both have (`outlast`).

Never here: what the bytes mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from proto.bus.port import Bus, BusError, Message
from proto.errors import BadRequest, Unavailable
from proto.streams import WINDOW_BYTES, StreamBroken, open_stream, serve_stream

BACK = "Sp-Back"

BROKEN = (BusError, StreamBroken)
"""What `answered` raises when the client cannot be heard any more, though it may still hear."""


async def converse(
    bus: Bus,
    subject: str,
    request: bytes,
    words: AsyncIterator[bytes],
    *,
    window_bytes: int = WINDOW_BYTES,
    outlast: bool = False,
) -> AsyncGenerator[bytes, None]:
    """Ask on `subject`, say `words`, and yield the chunks of the answer; close the generator to end it early.

    With `outlast` the words are said to their end even when the answer has ended well before; an empty chunk tells that
    it has.

    Raises:
        NoResponders | Disconnected | ApiError | StreamBroken: as `open_stream` does.
    """
    serving: list[asyncio.Task[None]] = []

    def asked(message: Message) -> None:
        if not serving:
            serving.append(asyncio.get_running_loop().create_task(serve_stream(bus, message, words)))

    back = bus.inbox()
    subscription = await bus.subscribe(back, asked)
    answer = open_stream(bus, subject, request, headers={BACK: back}, window_bytes=window_bytes)
    try:
        async with aclosing(answer) as chunks:
            async for chunk in chunks:
                yield chunk
        if outlast:
            yield b""
            await asyncio.gather(*serving)
    finally:
        await subscription.unsubscribe()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def answered(bus: Bus, message: Message, *, window_bytes: int = WINDOW_BYTES) -> AsyncGenerator[bytes, None]:
    """What the client says, for the server that was sent `message`.

    Raises:
        BadRequest: the client named no subject to be heard on.
    """
    back = message.headers.get(BACK, "")
    if not back:
        raise BadRequest(f"the request has no {BACK} header, which names the subject that its input is served on")
    return open_stream(bus, back, window_bytes=window_bytes)


def unheard(problem: Exception) -> Unavailable:
    """What to tell a client that cannot be heard any more (`BROKEN`)."""
    return Unavailable(f"the connection was interrupted, and nothing is heard of this client any more ({problem})")
