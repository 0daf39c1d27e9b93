"""An agent as the hub sees one: it speaks the protocol, holds what it is told, and runs nothing."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from proto import codec, subjects
from proto.bus.memory import MemoryBus
from proto.bus.port import Message, NoResponders
from proto.node import (
    DIGEST_MODULUS,
    Assignment,
    Assignments,
    Goodbye,
    GoodbyeReply,
    Heartbeat,
    HeartbeatReply,
    PodReport,
    Registration,
    RegistrationReply,
    StatusReply,
    StatusReport,
    SyncRequest,
    pod_digest,
)
from proto.objects.core import NodeSystemInfo, NodeUsage
from proto.objects.meta import Condition, Model
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus

M = TypeVar("M", bound=Model)

ROOM = {"cpu": "4", "memory": "8Gi", "pods": "110"}


class SpokenAgent:
    """One incarnation of a node's agent. `deaf` makes it lose every assignment message."""

    def __init__(self, bus: MemoryBus, node: str, incarnation: str, previous: str = ""):
        self.bus = bus
        self.node = node
        self.incarnation = incarnation
        self.previous = previous
        self.held: dict[str, Assignment] = {}
        self.messages: list[Assignments] = []
        self.deaf = False
        self.leaving = False
        self.usage: NodeUsage | None = None
        self.sequence = 0
        self._beating: asyncio.Task[None] | None = None

    async def ask(self, message: str, body: Model, reply: type[M]) -> M:
        """One request to the hub."""
        for _ in range(20):
            try:
                subject = subjects.node_up(self.node, message)
                answer = await self.bus.request(subject, codec.pack(body), timeout_s=2.0)
                return codec.unpack(answer.data, reply)
            except NoResponders:
                await asyncio.sleep(0.1)
        raise NoResponders("no hub")

    async def register(self, **more: object) -> RegistrationReply:
        """Join."""
        registration = Registration.model_validate(
            {
                "node": self.node,
                "incarnation": self.incarnation,
                "previous_incarnation": self.previous,
                "labels": {"kubernetes.io/hostname": self.node},
                "capacity": ROOM,
                "allocatable": ROOM,
                "node_info": NodeSystemInfo(machine_id="m"),
                **more,
            }
        )
        return await self.ask("register", registration, RegistrationReply)

    async def join(self) -> None:
        """Register, listen, learn everything, and send heartbeats until stopped."""
        assert (await self.register()).refused == ""
        await self.bus.subscribe(subjects.node_down(self.node, "assign"), self._on_assign)
        await self.sync()
        self._beating = asyncio.create_task(self._beat())

    async def heartbeat(self) -> HeartbeatReply:
        """One heartbeat."""
        self.sequence += 1
        beat = Heartbeat(
            incarnation=self.incarnation,
            sequence=self.sequence,
            digest=self.digest,
            pods=len(self.held),
            usage=self.usage,
            leaving=self.leaving,
        )
        return await self.ask("heartbeat", beat, HeartbeatReply)

    async def sync(self) -> None:
        """Ask for everything."""
        self._apply(await self.ask("sync", SyncRequest(incarnation=self.incarnation), Assignments))

    async def report(self, pod: Pod, status: PodStatus, *, gone: bool = False) -> StatusReply:
        """Tell what became of a pod."""
        meta = pod.metadata
        told = PodReport(namespace=meta.namespace, name=meta.name, uid=meta.uid, status=status, gone=gone)
        return await self.ask("status", StatusReport(incarnation=self.incarnation, pods=(told,)), StatusReply)

    async def goodbye(self) -> None:
        """Leave politely."""
        await self.ask("goodbye", Goodbye(incarnation=self.incarnation), GoodbyeReply)

    @property
    def digest(self) -> int:
        """The digest of what is held."""
        versions = ((uid, each.pod.metadata.resource_version) for uid, each in self.held.items())
        return sum(pod_digest(*version) for version in versions) % DIGEST_MODULUS

    async def stop(self) -> None:
        """Send no heartbeats any more."""
        while self._beating is not None and not self._beating.done():
            self._beating.cancel()
            await asyncio.wait([self._beating], timeout=0.1)

    async def _beat(self) -> None:
        while True:
            try:
                reply = await self.heartbeat()
                if reply.verdict == "register":
                    await self.register()
                if reply.resync:
                    await self.sync()
            except Exception:
                pass
            await asyncio.sleep(0.75)

    def _on_assign(self, message: Message) -> None:
        if not self.deaf:
            assignments = codec.unpack(message.data, Assignments)
            self.messages.append(assignments)
            self._apply(assignments)

    def _apply(self, assignments: Assignments) -> None:
        if assignments.full:
            self.held.clear()
        for uid in assignments.removed:
            self.held.pop(uid, None)
        for each in assignments.pods:
            self.held[each.pod.metadata.uid] = each


def running(ready: bool = True) -> PodStatus:
    """The status of a pod that runs."""
    return PodStatus(phase="Running", conditions=(Condition(type="Ready", status="True" if ready else "False"),))
