"""Serves `down.processes`: which processes a pod consists of, for `setpoint ps`.

One question, one answer: in JSON for who asks in JSON, as with the NATS command.

Reads: the runtime. Writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from node_agent.background import Background
from node_agent.operations import Operations
from node_agent.pod_work import PodWork
from node_agent.runtime.abilities import ProcessState
from node_agent.runtime.port import NoSuchContainer, RuntimeFailure
from node_agent.streams.finding import Finder
from proto import codec, subjects
from proto.bus.port import Bus, BusError, Message
from proto.errors import ApiError, BadRequest, Unavailable
from proto.node_programs import ProcessesReply, ProcessesRequest, ProcessOfContainer
from proto.objects.pod import Container

log = logging.getLogger(__name__)

REPLY_BYTES_MAX = 700 * 1024
"""A message of NATS has 1 MiB, and JSON takes more than what is counted here."""

_EACH_BYTES = 250
"""What a process takes without its command."""


class ProcessServer:
    """Answers which processes there are."""

    def __init__(self, bus: Bus, background: Background, node: str, operations: Operations, finder: Finder) -> None:
        self._bus = bus
        self._background = background
        self._node = node
        self._operations = operations
        self._finder = finder

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "processes"), self._on_message)

    def _on_message(self, message: Message) -> None:
        if message.reply:
            self._background.spawn(self._answer(message), "processes")

    async def _answer(self, message: Message) -> None:
        pack = codec.dump_json if message.data.lstrip().startswith(b"{") else codec.pack_raw
        try:
            states = await self._states(message.data)
            data = await asyncio.to_thread(lambda: pack(reply_of(states, time.time())))
        except ApiError as error:
            data = pack(codec.to_dict(ProcessesReply(error=error.to_status())))
        try:
            await self._bus.publish(message.reply, data)
        except BusError as problem:
            log.info("processes_not_told problem=%s", problem)

    async def _states(self, data: bytes) -> list[tuple[str, ProcessState]]:
        """The processes that are asked for, each with its container.

        Raises:
            ApiError: it cannot be told; the message says why.
        """
        try:
            request = codec.read_request(data, ProcessesRequest)
        except ValueError as error:
            raise BadRequest(f"the request for processes cannot be read: {error}") from None
        work = self._finder.pod(request.namespace, request.pod)
        return [
            (container.name, state)
            for container in self._asked(work, request.container)
            for state in await self._processes(work, container)
        ]

    def _asked(self, work: PodWork, name: str) -> Sequence[Container]:
        """The container that is named, which has to run, or all that do."""
        if name:
            container = self._finder.container(work, name)
            self._finder.running(work, container)
            return (container,)
        everyone = (*work.pod.spec.init_containers, *work.pod.spec.containers)
        running = [each for each in everyone if (lives := self._finder.lives(work, each.name)) and lives[-1].running]
        if not running:
            self._finder.running(work, work.pod.spec.containers[0])
        return running

    async def _processes(self, work: PodWork, container: Container) -> Iterable[ProcessState]:
        try:
            return await self._operations.processes(self._finder.running(work, container).id)
        except NoSuchContainer:
            return ()  # It has ended meanwhile.
        except RuntimeFailure as problem:
            raise Unavailable(str(problem)) from None


def reply_of(states: Sequence[tuple[str, ProcessState]], now_s: float) -> dict[str, Any]:
    """A `ProcessesReply` in wire form, with as many as a message has room for.

    Call it in a thread, since a thousand take their time. They are dumped one by one, so that others get their turn.
    """
    left_bytes = REPLY_BYTES_MAX
    told: list[dict[str, Any]] = []
    for container, state in states:
        left_bytes -= _EACH_BYTES + sum(len(word.encode()) + 3 for word in state.command)
        if left_bytes < 0:
            break
        told.append(codec.to_dict(_told(container, state, now_s)))
    return {"processes": told, "omitted": len(states) - len(told)}


def _told(container: str, state: ProcessState, now_s: float) -> ProcessOfContainer:
    age_s = max(now_s - state.started_at_s, 0.01)
    return ProcessOfContainer(
        container=container,
        pid=state.pid,
        parent_pid=state.parent_pid,
        user=state.user,
        state=state.state,
        cpu_s=round(state.cpu_s, 2),
        cpu_percent=round(100 * state.cpu_s / age_s, 1),
        memory_bytes=state.memory_bytes,
        threads=state.threads,
        started_at=round(state.started_at_s, 2),
        command=state.command,
    )
