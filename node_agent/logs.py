"""Serves what containers printed: `down.logs`, as a stream of text.

A reader that follows gets new output until the container ends, as with `kubectl logs -f`. Reading goes at the reader's
pace (see `proto.streams`), so a slow one costs neither memory nor the workload's time.

Reads: log files, through `log_reading`. Writes: streams. Never: a container's life.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta

from node_agent.background import Background
from node_agent.log_reading import LogChoice, LogReader
from node_agent.plan.container_ids import parse_container_id
from node_agent.pod_work import PodWork
from node_agent.runtime.port import ContainerState
from node_agent.streams.finding import Finder, waiting_reason
from proto import codec, subjects
from proto.bus.port import Bus, Message
from proto.clock import Clock
from proto.errors import BadRequest
from proto.node import LogRequest
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
        self._background.spawn(serve_stream(self._bus, message, self._text(message.data)), "logs")

    async def _text(self, data: bytes) -> AsyncGenerator[bytes, None]:
        """The text that a request asks for.

        Raises:
            ApiError: it cannot be had; the message says why.
        """
        try:
            request = codec.unpack(data, LogRequest)
        except ValueError as error:
            raise BadRequest(f"the log request cannot be read: {error}") from None
        work = self._finder.pod(request.namespace, request.pod)
        state = self._find_life(work, request)
        if state.log_path is None:
            return
        since = None if request.since_s is None else self._clock.now() - timedelta(seconds=request.since_s)
        reader = LogReader(state.log_path, LogChoice(since, request.tail, request.timestamps))
        try:
            while True:
                running = self._runs(work, state.id)
                while piece := reader.read():
                    yield piece
                if not (request.follow and running):
                    return
                await self._clock.sleep(FOLLOW_EVERY_S)
        finally:
            reader.close()

    def _find_life(self, work: PodWork, request: LogRequest) -> ContainerState:
        """The container's latest life, or the one before it."""
        container = self._finder.container(work, request.container).name
        states = self._finder.lives(work, container)
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
