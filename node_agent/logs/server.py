"""Serves what containers printed: `down.logs`, as a stream of text.

A reader that follows gets new output until the container ends, as with `kubectl logs -f`. Reading goes at the reader's
pace (see `proto.streams`), so a slow one costs neither memory nor the workload's time. Nothing of a reader is kept
here: whoever asked for marks goes on with the next agent where the last one ended.

Reads: log files, through `reader`. Writes: streams. Never: a container's life.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta

from node_agent.background import Background
from node_agent.logs.reader import LogChoice, LogPlace, LogReader
from node_agent.plan.container_ids import parse_container_id
from node_agent.pods.work import PodWork
from node_agent.runtime.port import ContainerState
from node_agent.streams.finding import Finder, waiting_reason
from node_agent.streams.requests import request_of
from proto import subjects
from proto.bus.port import Bus, Message
from proto.clock import Clock
from proto.errors import BadRequest
from proto.log_chunks import LogChunk, pack_log_chunk
from proto.node import LogMark, LogRequest
from proto.streams import serve_stream

FOLLOW_EVERY_S = 0.1
"""How often a follower looks for new output: a person's patience, not a program's."""


class LogServer:
    """Answers requests for logs of this node's pods."""

    def __init__(self, bus: Bus, clock: Clock, background: Background, node: str, finder: Finder) -> None:
        self._bus = bus
        self._clock = clock
        self._background = background
        self._node = node
        self._finder = finder

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "logs"), self._on_message)

    def _on_message(self, message: Message) -> None:
        self._background.spawn(serve_stream(self._bus, message, self._chunks(message.data)), "logs")

    async def _chunks(self, data: bytes) -> AsyncGenerator[bytes, None]:
        """The chunks that a request asks for.

        Raises:
            ApiError: they cannot be had; the message says why.
        """
        request = request_of(data, LogRequest, "log")
        work = self._finder.pod(request.namespace, request.pod)
        state = self._find_life(work, request)
        if state.log_path is None:
            return
        since = None if request.since_s is None else self._clock.now() - timedelta(seconds=request.since_s)
        choice = LogChoice(since, request.tail, request.timestamps)
        reader = LogReader(state.log_path, choice, _place(request.after))
        left = request.limit_bytes
        try:
            async with aclosing(self._pieces(reader, work, state, follow=request.follow)) as pieces:
                async for piece in pieces:
                    text = piece[:left]
                    yield _marked(reader, state.id, text) if request.marks else text
                    left = None if left is None else left - len(text)
                    if left == 0:
                        return
        finally:
            reader.close()

    async def _pieces(
        self, reader: LogReader, work: PodWork, state: ContainerState, *, follow: bool
    ) -> AsyncGenerator[bytes, None]:
        """What there is to read, beginning with an empty piece; with `follow` also what comes, until the life ends."""
        yield b""
        while True:
            running = self._runs(work, state.id)
            while piece := reader.read():
                yield piece
            if not (follow and running):
                return
            await self._clock.sleep(FOLLOW_EVERY_S)

    def _find_life(self, work: PodWork, request: LogRequest) -> ContainerState:
        """The container's latest life, the one before it, or the one that a reader wants to go on with."""
        container = self._finder.container(work, request.container).name
        states = self._finder.lives(work, container)
        if request.after is not None:
            for state in states:
                if state.id == request.after.life:
                    return state
            raise BadRequest(f'that life of container "{container}" in pod "{request.pod}" has been removed')
        if request.previous:
            if len(states) < 2:
                raise BadRequest(f'previous terminated container "{container}" in pod "{request.pod}" not found')
            return states[-2]
        if not states:
            reason = waiting_reason(work, container)
            raise BadRequest(f'container "{container}" in pod "{request.pod}" is waiting to start: {reason}')
        return states[-1]

    def _runs(self, work: PodWork, container_id: str) -> bool:
        key = parse_container_id(container_id)
        lives = self._finder.lives(work, key.container) if key is not None else ()
        return any(state.id == container_id and state.running for state in lives)


def _place(after: LogMark | None) -> LogPlace | None:
    return None if after is None else LogPlace(after.file, after.offset, after.stamp, after.inside_line)


def _marked(reader: LogReader, life: str, piece: bytes) -> bytes:
    """The piece with the place behind it."""
    return pack_log_chunk(LogChunk({"life": life, **reader.place._asdict()}, reader.gap(), piece))
