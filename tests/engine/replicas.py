"""Replicas of the control plane's leading half on the ports in memory, and a cluster's first objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control_plane.engine.election import Election
from control_plane.leadership import Leadership, Settings
from control_plane.store import lifecycle
from control_plane.store.memory import MemoryLeaderKeys, MemoryStore, MemoryStoreServer
from control_plane.store.mirror import Mirror
from control_plane.tasks import Tasks
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.clock import LoopClock
from proto.ids import RandomIds
from proto.objects.meta import Object
from tests.waiting import eventually


@dataclass
class Ground:
    """What replicas share: the network, the store, time and chance."""

    ids: RandomIds = field(default_factory=lambda: RandomIds(7))
    clock: LoopClock = field(default_factory=LoopClock)
    server: MemoryStoreServer = field(default_factory=MemoryStoreServer)

    def __post_init__(self) -> None:
        self.network = MemoryNetwork(self.ids)
        self.user = MemoryStore(self.server)

    async def create(self, *objects: Object) -> None:
        """Store objects as the API would."""
        for obj in objects:
            made = lifecycle.for_create(obj, uid=self.ids.uid(), now=self.clock.now())
            await self.user.put(made, 0)


class Replica:
    """A control plane without its API."""

    def __init__(self, ground: Ground, name: str):
        self.name = name
        self.bus = MemoryBus(ground.network, name)
        self.store = MemoryStore(ground.server)
        self.mirror = Mirror(self.store, clock=ground.clock)
        self.deaths: list[str] = []
        self._tasks = Tasks(self.deaths.append)
        self._electing = Tasks(self.deaths.append)
        self.leadership = Leadership(
            self.bus, self.store, self.mirror, ground.clock, ground.ids, Settings(name), self.deaths.append
        )
        self.election = Election(
            MemoryLeaderKeys(self.store), name, ground.clock, start=self.leadership.start, stop=self.leadership.stop
        )

    async def start(self) -> None:
        """Follow the store and stand for election."""
        self._tasks.spawn("mirror", self.mirror.run())
        await self.mirror.wait_synced()
        self._electing.spawn("election", self.election.run())

    async def stop(self) -> None:
        """Stop in order."""
        await self._electing.stop()
        await self.election.resign()
        await self._tasks.stop()
        await self.bus.close()


@asynccontextmanager
async def replicas(ground: Ground, *names: str) -> AsyncIterator[list[Replica]]:
    """Started replicas, one of which leads; none of their eternal tasks may die."""
    started = [Replica(ground, name) for name in names]
    try:
        for replica in started:
            await replica.start()
        await eventually(lambda: any(replica.election.leading for replica in started), what="a leader")
        yield started
    finally:
        for replica in started:
            await replica.stop()
    assert not any(replica.deaths for replica in started)
