"""Puts the room together: everything on this node that a client may ask for directly."""

from __future__ import annotations

from node_agent.background import Background
from node_agent.containers.operations import Operations
from node_agent.containers.table import ContainerTable
from node_agent.logs.server import LogServer
from node_agent.machine.usage import UsageSampler
from node_agent.pods.pods import Pods
from node_agent.streams.attaching import AttachServer
from node_agent.streams.execution import ExecServer
from node_agent.streams.finding import Finder
from node_agent.streams.forwarding import ForwardServer
from node_agent.streams.listing import ProcessServer
from node_agent.streams.metering import UsageServer
from proto.bus.port import Bus
from proto.clock import Clock


class StreamServers:
    """All of them."""

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        background: Background,
        node: str,
        pods: Pods,
        containers: ContainerTable,
        operations: Operations,
        sampler: UsageSampler,
    ) -> None:
        finder = Finder(node, pods, containers)
        self._logs = LogServer(bus, clock, background, node, finder)
        self._exec = ExecServer(bus, background, node, pods, operations, finder)
        self._attach = AttachServer(bus, background, node, operations, finder)
        self._forward = ForwardServer(bus, background, node, finder)
        self._processes = ProcessServer(bus, background, node, operations, finder)
        self._usage = UsageServer(bus, background, node, pods, containers, sampler)

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._logs.subscribe()
        await self._exec.subscribe()
        await self._attach.subscribe()
        await self._forward.subscribe()
        await self._processes.subscribe()
        await self._usage.subscribe()
