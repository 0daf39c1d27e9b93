"""The stores under test behind one face (connect, break, replace), and a follower that checks their feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from control_plane.store.memory import MemoryLeaderKeys, MemoryStore, MemoryStoreServer
from control_plane.store.nats import NatsLeaderKeys, open_store
from control_plane.store.nats.jetstream import JetStream
from control_plane.store.port import Change, LeaderKeys, Store
from proto import subjects
from proto.bus.nats import NatsBus
from proto.bus.port import Bus
from proto.clock import LoopClock
from setpoint.local.nats_server import NatsServer
from tests.waiting import eventually

Connect = Callable[[str], Awaitable[Bus]]
"""Makes a connection of that name to the bus under test."""


class Backend(Protocol):
    """One store that several clients share."""

    async def connect(self) -> Store: ...

    async def keys(self) -> LeaderKeys: ...

    async def stop(self) -> None:
        """Make it unreachable without warning."""

    async def start(self) -> None:
        """Bring it back."""

    async def replace(self) -> None:
        """Delete the stream and make it anew."""

    async def close(self) -> None: ...


class MemoryBackend:
    def __init__(self) -> None:
        self.server = MemoryStoreServer()
        self.stores: list[MemoryStore] = []

    async def connect(self) -> Store:
        self.stores.append(MemoryStore(self.server))
        return self.stores[-1]

    async def keys(self) -> LeaderKeys:
        self.stores.append(MemoryStore(self.server))
        return MemoryLeaderKeys(self.stores[-1])

    async def stop(self) -> None:
        for store in self.stores:
            store.away = True

    async def start(self) -> None:
        self.server.restart()
        for store in self.stores:
            store.away = False

    async def replace(self) -> None:
        self.server.replace()

    async def close(self) -> None:
        for store in self.stores:
            await store.close()


class NatsBackend:
    def __init__(self, server: NatsServer):
        self.server = server
        self.stores: list[Store] = []
        self.buses: list[NatsBus] = []

    async def bus(self) -> NatsBus:
        self.buses.append(await NatsBus.connect(self.server.url))
        return self.buses[-1]

    async def connect(self) -> Store:
        self.stores.append(await open_store(await self.bus(), LoopClock()))
        return self.stores[-1]

    async def keys(self) -> LeaderKeys:
        return await NatsLeaderKeys.open(await self.bus(), LoopClock())

    async def stop(self) -> None:
        await self.server.kill()

    async def start(self) -> None:
        await self.server.start()

    async def replace(self) -> None:
        bus = await self.bus()
        await JetStream(bus).ask(f"STREAM.DELETE.{subjects.OBJECT_STREAM}")
        await open_store(bus, LoopClock())

    async def close(self) -> None:
        for store in self.stores:
            await store.close()
        for bus in self.buses:
            await bus.close()


@dataclass
class Follower:
    """Collects a feed, and checks what must hold of every feed."""

    changes: list[Change] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    synced: int = 0
    resets: int = 0
    revision: int = 0

    @classmethod
    def of(cls, store: Store, pause_s: float = 0.0) -> tuple[Follower, asyncio.Task[None]]:
        """A follower, and the task that feeds it."""
        follower = cls(pause_s=pause_s)
        return follower, asyncio.create_task(follower.run(store))

    async def run(self, store: Store) -> None:
        async for change in store.follow():
            self.take(change)
            if self.pause_s:
                await asyncio.sleep(self.pause_s)

    def take(self, change: Change) -> None:
        self.changes.append(change)
        if change.type == "reset":
            self.resets += 1
            self.revision = 0
            self.states = {}
        elif change.type == "synced":
            self.synced += 1
            assert change.revision >= self.revision
        else:
            assert change.object is not None
            assert change.revision > self.revision, "told out of order, or twice"
            assert change.object.metadata.resource_version == str(change.revision)
            self.revision = change.revision
            name = change.object.metadata.name
            if change.type == "put":
                self.states[name] = str(getattr(change.object, "data", {}).get("n", ""))
            else:
                self.states.pop(name, None)

    async def reaches(self, condition: Callable[[Follower], object], within_s: float = 15.0) -> None:
        """Wait until `condition` holds of this follower."""
        await eventually(lambda: condition(self), within_s=within_s, what=f"{self.states} at {self.revision}")
