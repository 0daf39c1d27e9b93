"""The cluster of one run: the hub, its control planes, its machines, and one person with a client."""

from __future__ import annotations

import asyncio

from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.client.typed import Client
from proto.ids import RandomIds, hash64
from tests.sim.audit import Audit
from tests.sim.control_plane import SimControlPlane
from tests.sim.hub import Hub
from tests.sim.machine import SimMachine
from tests.sim.trace import Trace
from tests.sim.users import APPS_MAX, POD_CPU_MILLIS, REPLICAS_MAX, User

PODS_MAX = APPS_MAX * REPLICAS_MAX
SPARE_PODS = 1
"""The machines together have room for all that people can ask for, and this much more on each."""


class Cluster:
    """Everything that there is. Made from within the loop, by a seed; in a `rough` one people delete nodes, too."""

    def __init__(
        self, seed: int, control_planes: int, machines: int, trace: Trace, *, rough: bool, pods: int = PODS_MAX
    ):
        self.trace = trace
        self.network = MemoryNetwork(RandomIds(hash64(seed, "network")))
        self.hub = Hub()
        self.audit = Audit(self.hub.server, trace)
        self.control_planes = [
            SimControlPlane(f"cp{number}", self.hub.server, self.network, seed, trace, self.audit.leads)
            for number in range(1, control_planes + 1)
        ]
        cpu_millis = (-(-pods // machines) + SPARE_PODS) * POD_CPU_MILLIS
        self.machines = [
            SimMachine(f"m{number}", self.network, seed, trace, cpu_millis=cpu_millis)
            for number in range(1, machines + 1)
        ]
        client = Client(MemoryBus(self.network, "user"))
        nodes = [machine.name for machine in self.machines] if rough else []
        self.user = User(client, RandomIds(hash64(seed, "user")), trace, nodes)
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Switch everything on."""
        self._following = asyncio.get_running_loop().create_task(self.audit.follow(), name="audit")
        for control_plane in self.control_planes:
            control_plane.start()
        for machine in self.machines:
            machine.start_agent()

    def unexpected_deaths(self) -> list[str]:
        """Programs that ended by themselves: none should, whatever breaks around them."""
        return [death for program in (*self.control_planes, *self.machines) for death in program.deaths]
