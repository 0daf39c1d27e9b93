"""A hub that does what its test says, and nodes on it: agents with fake processes, on the in-memory bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from node_agent.machine.port import MemoryMachine
from node_agent.plan.eviction import Threshold
from node_agent.program import NodeAgent
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import ContainerSpec, ContainerState, RuntimeUnavailable
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from proto import codec
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.port import Bus, Message
from proto.clock import EPOCH, LoopClock
from proto.ids import RandomIds
from proto.node import (
    DIGEST_MODULUS,
    Assignment,
    Assignments,
    Goodbye,
    GoodbyeReply,
    Heartbeat,
    HeartbeatReply,
    PodEvent,
    PodReport,
    Registration,
    RegistrationReply,
    StatusReply,
    StatusReport,
    SyncRequest,
    pod_digest,
)
from proto.objects.meta import Model, evolve
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from proto.subjects import node_down, parse_node
from tests.virtual import run_virtual
from tests.waiting import eventually

NODE = "node-1"


class ScriptedHub:
    """Plays the leader for one node. It keeps everything that it was told."""

    def __init__(self, bus: Bus, node: str = NODE):
        self.bus = bus
        self.node = node
        self.holder = ""
        self.known: dict[str, Assignment] = {}
        self.version = 100
        self.reports: dict[str, PodReport] = {}
        self.history: list[PodReport] = []
        self.events: list[PodEvent] = []
        self.registrations: list[Registration] = []
        self.heartbeats: list[Heartbeat] = []
        self.syncs = 0
        self.goodbyes = 0
        self.writable = True
        self.epoch = 1
        self.refuse = ""
        self.finalizers = False

    async def open(self) -> None:
        await self.bus.subscribe("sp.node.*.up.*", self._on_message)

    def _on_message(self, message: Message) -> None:
        _, _, word = parse_node(message.subject)
        reply: Model = getattr(self, f"_on_{word}")(message.data)
        task = asyncio.ensure_future(self.bus.publish(message.reply, codec.pack(reply)))
        task.add_done_callback(lambda done: done.exception())

    def _on_register(self, data: bytes) -> RegistrationReply:
        registration = codec.unpack(data, Registration)
        self.registrations.append(registration)
        if self.refuse or (self.holder not in ("", registration.incarnation, registration.previous_incarnation)):
            return RegistrationReply(refused=self.refuse or f"node {registration.node} is held by another agent")
        self.holder = registration.incarnation
        return RegistrationReply(epoch=self.epoch)

    def _on_heartbeat(self, data: bytes) -> HeartbeatReply:
        heartbeat = codec.unpack(data, Heartbeat)
        self.heartbeats.append(heartbeat)
        if not self.holder:
            return HeartbeatReply(verdict="register")
        if heartbeat.incarnation != self.holder:
            return HeartbeatReply(verdict="refused")
        return HeartbeatReply(verdict="granted", epoch=self.epoch, resync=heartbeat.digest != self.digest)

    def _on_sync(self, data: bytes) -> Assignments:
        codec.unpack(data, SyncRequest)
        self.syncs += 1
        return Assignments(epoch=self.epoch, full=True, pods=tuple(self.known.values()), digest=self.digest)

    def _on_status(self, data: bytes) -> StatusReply:
        report = codec.unpack(data, StatusReport)
        if report.incarnation != self.holder:
            return StatusReply(verdict="register")
        if not self.writable:
            return StatusReply()
        self.events += report.events
        for pod in report.pods:
            self.reports[pod.uid] = pod
            self.history.append(pod)
            if pod.gone and not self.finalizers and self.known.pop(pod.uid, None):
                removal = Assignments(epoch=self.epoch, removed=(pod.uid,), digest=self.digest)
                self.sending = asyncio.ensure_future(self.send(removal))
        return StatusReply(accepted=tuple(pod.uid for pod in report.pods))

    def _on_goodbye(self, data: bytes) -> GoodbyeReply:
        codec.unpack(data, Goodbye)
        self.goodbyes += 1
        self.holder = ""
        return GoodbyeReply()

    @property
    def digest(self) -> int:
        return sum(pod_digest(uid, a.pod.metadata.resource_version) for uid, a in self.known.items()) % DIGEST_MODULUS

    async def assign(self, pod: Pod, config: dict[str, dict[str, str]] | None = None) -> None:
        """Bind a pod, or tell a change of it."""
        self.version += 1
        pod = evolve(pod, **{"metadata.resource_version": str(self.version)})
        assignment = Assignment(pod=pod, config=config or {})
        self.known[pod.metadata.uid] = assignment
        await self.send(Assignments(epoch=self.epoch, pods=(assignment,), digest=self.digest))

    async def delete(self, uid: str, grace_s: int = 30) -> None:
        """Ask for a pod's end."""
        pod = self.known[uid].pod
        changes = {"metadata.deletion_timestamp": EPOCH, "metadata.deletion_grace_period_seconds": grace_s}
        await self.assign(evolve(pod, **changes))

    async def take_away(self, uid: str) -> None:
        """Unassign a pod without a word of deletion."""
        del self.known[uid]
        await self.send(Assignments(epoch=self.epoch, removed=(uid,), digest=self.digest))

    async def send(self, assignments: Assignments) -> None:
        await self.bus.publish(node_down(self.node, "assign"), codec.pack(assignments))

    async def running(self, uid: str, container: int = 0, within_s: float = 10.0) -> str:
        """Wait until a container was told to run; its id."""

        def check() -> str:
            status = self.status(uid).container_statuses[container]
            return status.container_id if status.state.running else ""

        return await eventually(check, within_s=within_s, what=f"{uid} running")

    async def gone(self, uid: str, within_s: float = 60.0) -> PodReport:
        """Wait until the pod was told to be gone."""
        await eventually(lambda: uid in self.reports and self.reports[uid].gone, within_s=within_s)
        return self.reports[uid]

    def status(self, uid: str) -> PodStatus:
        """What was told of a pod last."""
        assert uid in self.reports, f"nothing told of {uid}"
        return self.reports[uid].status


class UnreliableRuntime(FakeRuntime):
    """A runtime that can be out of reach: what it is asked for then happens, or not, and nobody is told."""

    def __init__(self, *, happens: bool) -> None:
        super().__init__(boot_epoch_s=EPOCH.timestamp())
        self.reachable = True
        self.asked = 0
        self._happens = happens

    async def list(self) -> tuple[ContainerState, ...]:
        self._check()
        return await super().list()

    async def start(self, spec: ContainerSpec) -> ContainerState:
        if self.reachable or self._happens:
            state = await super().start(spec)
        self._check()
        return state

    def _check(self) -> None:
        self.asked += 1
        if not self.reachable:
            raise RuntimeUnavailable("the supervisor is out of reach")


@dataclass
class Cluster:
    """One hub and one machine; agents come and go on it."""

    network: MemoryNetwork = field(default_factory=MemoryNetwork)
    clock: LoopClock = field(default_factory=LoopClock)
    runtime: FakeRuntime = field(default_factory=lambda: FakeRuntime(boot_epoch_s=EPOCH.timestamp()))
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    machine: MemoryMachine = field(default_factory=MemoryMachine)
    agents: list[NodeAgent] = field(default_factory=list)
    thresholds: tuple[Threshold, ...] = ()
    eviction_grace_s: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        self.hub = ScriptedHub(MemoryBus(self.network, "hub"))

    async def start_agent(
        self, *, join: bool = True, storage: MemoryStorage | None = None, runtime: FakeRuntime | None = None
    ) -> NodeAgent:
        """An agent on this machine (or on another, with a storage and runtime of its own)."""
        self.seed += 1
        agent = NodeAgent(
            MemoryBus(self.network, f"machine-{self.seed}"),
            runtime or self.runtime,
            self.clock,
            RandomIds(self.seed),
            AgentSettings(
                node=NODE,
                address="10.0.0.1",
                labels={"zone": "a"},
                base_env={"PATH": "/bin"},
                thresholds=self.thresholds,
                eviction_grace_s=self.eviction_grace_s,
            ),
            machine=self.machine,
            storage=storage or self.storage,
        )
        self.agents.append(agent)
        await agent.start()
        if join:
            await agent.joined()
        return agent

    async def kill(self, agent: NodeAgent) -> None:
        """End the agent without a word."""
        await agent.stop(polite=False)
        self.agents.remove(agent)

    async def __aenter__(self) -> Cluster:
        await self.hub.open()
        return self

    async def __aexit__(self, *failure: object) -> None:
        for agent in self.agents:
            await agent.stop(polite=False)
        await self.hub.bus.close()


def scenario(story: Callable[[Cluster], Awaitable[None]]) -> Callable[[], None]:
    """A test that runs with a cluster of its own in virtual time."""

    async def told() -> None:
        async with Cluster() as cluster:
            await story(cluster)

    def test() -> None:
        run_virtual(told())

    test.__name__, test.__doc__ = story.__name__, story.__doc__  # type: ignore[attr-defined]
    return test
