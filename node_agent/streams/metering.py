"""Serves `down.usage`: what each container of this node uses now, for `setpoint top`.

One question, one answer: in JSON for who asks in JSON, as with the NATS command.

Reads: the runtime's figures, through the sampler; what its containers remember of their earlier lives. Writes nothing.
"""

from __future__ import annotations

import logging

from node_agent.background import Background
from node_agent.containers.table import ContainerTable
from node_agent.machine.usage import UsageSampler, Use
from node_agent.plan.container_ids import parse_container_id
from node_agent.plan.lives import earlier_oom_kills
from node_agent.pods.pods import Pods
from node_agent.runtime.port import RuntimeFailure
from proto import codec, subjects
from proto.bus.port import Bus, Disconnected, Message
from proto.node import UsageOfContainer, UsageReply

log = logging.getLogger(__name__)


class UsageServer:
    """Answers what is used."""

    def __init__(
        self,
        bus: Bus,
        background: Background,
        node: str,
        pods: Pods,
        containers: ContainerTable,
        sampler: UsageSampler,
    ) -> None:
        self._bus = bus
        self._background = background
        self._node = node
        self._pods = pods
        self._table = containers
        self._sampler = sampler

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "usage"), self._on_message)

    def _on_message(self, message: Message) -> None:
        if message.reply:
            self._background.spawn(self._answer(message), "usage asked")

    async def _answer(self, message: Message) -> None:
        node = self._sampler.node(len(self._pods))
        try:
            answer = UsageReply(node=node, containers=await self._containers())
        except RuntimeFailure as problem:
            answer = UsageReply(node=node, refused=str(problem))
        try:
            pack = codec.to_json if codec.is_json(message.data) else codec.pack
            await self._bus.publish(message.reply, pack(answer))
        except Disconnected as problem:
            log.info("usage_not_told problem=%s", problem)

    async def _containers(self) -> tuple[UsageOfContainer, ...]:
        keys = {pod.metadata.uid: pod.key for pod in self._pods.that(lambda pod: True)}
        found = []
        for container_id, use in (await self._sampler.containers()).items():
            key = parse_container_id(container_id)
            if key is not None and key.pod_uid in keys:
                states = {state.id: state for state in self._table.of_pod(key.pod_uid)}
                earlier = earlier_oom_kills(states[container_id]) if container_id in states else 0
                found.append(_told(keys[key.pod_uid], key.container, use, earlier))
        return tuple(found)


def _told(pod: tuple[str, str], container: str, use: Use, earlier_oom_kills: int) -> UsageOfContainer:
    figures = use.figures
    return UsageOfContainer(
        namespace=pod[0],
        pod=pod[1],
        container=container,
        cpu_millis=use.cpu_millis,
        memory_bytes=figures.memory_bytes or 0,
        pids=figures.pids,
        periods=figures.periods,
        throttled_periods=figures.throttled_periods,
        cpu_pressure=figures.cpu_pressure,
        memory_pressure=figures.memory_pressure,
        io_pressure=figures.io_pressure,
        oom_kills=figures.oom_kills + earlier_oom_kills,
    )
