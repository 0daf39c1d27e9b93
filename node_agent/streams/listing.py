"""Serves `down.processes`: which processes a pod consists of, for `setpoint ps`.

One question, one answer: in JSON for who asks in JSON, as with the NATS command.

Reads: the runtime. Writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

import msgpack

from node_agent.background import Background
from node_agent.containers.operations import Operations
from node_agent.pods.work import PodWork
from node_agent.runtime.abilities import ProcessState
from node_agent.runtime.port import NoSuchContainer, RuntimeFailure
from node_agent.streams.finding import Finder
from node_agent.streams.requests import request_of
from proto import codec, subjects
from proto.bus.port import Bus, BusError, Message
from proto.errors import ApiError, Unavailable
from proto.node_programs import ProcessesReply, ProcessesRequest, ProcessOfContainer
from proto.objects.container import Container

log = logging.getLogger(__name__)

REPLY_BYTES_MAX = 1000 * 1024
"""A message of NATS has 1 MiB."""


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
        in_json = codec.is_json(message.data)
        try:
            states = await self._states(message.data)
            data = await asyncio.to_thread(packed_reply, states, time.time(), in_json=in_json)
        except ApiError as error:
            reply = ProcessesReply(error=error.to_status())
            data = codec.to_json(reply) if in_json else codec.pack(reply)
        try:
            await self._bus.publish(message.reply, data)
        except BusError as problem:
            log.info("processes_not_told problem=%s", problem)

    async def _states(self, data: bytes) -> list[tuple[str, ProcessState]]:
        """The processes that are asked for, each with its container.

        Raises:
            ApiError: it cannot be told; the message says why.
        """
        request = request_of(data, ProcessesRequest, "processes")
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


def packed_reply(states: Iterable[tuple[str, ProcessState]], now_s: float, *, in_json: bool) -> bytes:
    """A `ProcessesReply` in wire form, with as many as a message has room for.

    Call it in a thread, since a thousand take their time. They are packed one by one, so that others get their turn,
    and leave nothing behind for the garbage collector, which would hold up everyone.
    """
    pack = codec.dump_json if in_json else codec.pack_raw
    pieces: list[bytes] = []
    size_bytes = omitted = 0
    for container, state in states:
        piece = pack(codec.to_dict(_told(container, state, now_s)))
        size_bytes += len(piece) + 1
        if size_bytes <= REPLY_BYTES_MAX:
            pieces.append(piece)
        else:
            omitted += 1
    if in_json:
        return b'{"processes":[%s],"omitted":%d}' % (b",".join(pieces), omitted)
    packer = msgpack.Packer(autoreset=False)
    packer.pack_map_header(2)
    packer.pack("processes")
    packer.pack_array_header(len(pieces))
    return bytes(packer.bytes() + b"".join(pieces) + codec.pack_raw("omitted") + codec.pack_raw(omitted))


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
