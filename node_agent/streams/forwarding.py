"""Serves `down.portforward`: one connection to a port on which a pod's programs listen.

Pods share their machine's network, so that is a port of the machine's loopback (as for Kubernetes' hostNetwork pods).
Each side may end its direction and go on listening, as TCP lets it.

Reads: the request. Writes: one connection. Never: more than a window is on its way, in either direction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from node_agent.background import Background
from node_agent.streams.finding import Finder
from node_agent.streams.requests import request_of
from proto import subjects
from proto.bus.port import Bus, Message
from proto.duplex import BROKEN, answered, unheard
from proto.errors import ApiError, BadRequest, Unavailable
from proto.node import ForwardRequest
from proto.phases import ENDED
from proto.resetting import reset
from proto.streams import CHUNK_BYTES_MAX, serve_stream

LOOPBACKS = ("127.0.0.1", "::1")
CONNECT_S_MAX = 5.0


class ForwardServer:
    """Answers requests for connections to this node's pods."""

    def __init__(self, bus: Bus, background: Background, node: str, finder: Finder) -> None:
        self._bus = bus
        self._background = background
        self._node = node
        self._finder = finder

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "portforward"), self._on_message)

    def _on_message(self, message: Message) -> None:
        self._background.spawn(serve_stream(self._bus, message, self._bytes(message)), "portforward")

    async def _bytes(self, message: Message) -> AsyncGenerator[bytes, None]:
        """What the pod's program says, until it ends its direction. The other one may outlast it.

        Raises:
            ApiError: there is no connection, or it broke.
        """
        request = request_of(message.data, ForwardRequest, "port-forward")
        work = self._finder.pod(request.namespace, request.pod)
        if work.reported.phase in ENDED:
            phase = work.reported.phase
            raise BadRequest(f"unable to forward port because pod is not running. Current status={phase}")
        reader, writer = await _connect(request.port, work.pod.metadata.name)
        hearing = self._background.spawn(_say(answered(self._bus, message), writer), "portforward words")
        ended = False
        try:
            while data := await reader.read(CHUNK_BYTES_MAX):
                yield data
            if hearing.done() and (problem := hearing.result()) is not None:
                raise problem
            ended = True
        except OSError as error:
            raise Unavailable(f"the connection to port {request.port} broke: {error.strerror}") from None
        finally:
            if not ended:
                hearing.cancel()


async def _connect(port: int, pod: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first loopback address on which somebody listens.

    Raises:
        Unavailable: nobody does.
    """
    problem = ""
    for host in LOOPBACKS:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await asyncio.open_connection(host, port, limit=2 * CHUNK_BYTES_MAX)
        except (OSError, TimeoutError) as error:
            problem = problem or getattr(error, "strerror", "") or "no answer"
    raise Unavailable(f"nothing of pod {pod} can be reached on port {port}: {problem}")


async def _say(words: AsyncGenerator[bytes, None], writer: asyncio.StreamWriter) -> ApiError | None:
    """Say the client's words to the program, and when they end that there are no more.

    If they break off, the program learns it as from a peer that crashed, and the caller what the client should be told.
    """
    try:
        async with aclosing(words) as chunks:
            async for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await writer.drain()
    except BROKEN as problem:
        reset(writer)
        return unheard(problem)
    except (OSError, ApiError):
        reset(writer)
    except asyncio.CancelledError:
        reset(writer)
        raise
    return None
