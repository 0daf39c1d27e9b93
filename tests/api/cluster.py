"""An API over the in-memory bus and store, and a client that speaks to it as `nats req` would: bytes and headers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from control_plane.api.server import ApiServer
from control_plane.store.memory import MemoryStore, MemoryStoreServer
from control_plane.store.mirror import Mirror
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.port import Bus, Message, Subscription
from proto.clock import SystemClock
from proto.ids import RandomIds
from tests.waiting import eventually

TIMEOUT_S = 5.0

Raw = dict[str, Any]


@dataclass
class Replica:
    """One control plane's API and what it stands on."""

    api: ApiServer
    store: MemoryStore
    mirror: Mirror
    bus: MemoryBus
    task: asyncio.Task[None]


@dataclass
class Cluster:
    """One or several replicas, and the client."""

    network: MemoryNetwork
    server: MemoryStoreServer
    client: Bus
    replicas: list[Replica] = field(default_factory=list)

    @property
    def revision(self) -> int:
        """The store's last revision: unchanged means that nothing was written."""
        return self.server.revision

    async def add_replica(self) -> Replica:
        store, bus = MemoryStore(self.server), MemoryBus(self.network, f"cp{len(self.replicas)}")
        mirror = Mirror(store)
        task = asyncio.create_task(mirror.run())
        await mirror.wait_synced()
        api = ApiServer(bus, store, mirror, SystemClock(), RandomIds(len(self.replicas)))
        await api.start()
        self.replicas.append(Replica(api, store, mirror, bus, task))
        return self.replicas[-1]

    async def send(self, subject: str, data: bytes = b"", **headers: str) -> Message:
        """One request as it goes over the wire."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(subject, data, timeout_s=TIMEOUT_S, headers=named)

    async def call(self, subject: str, body: Any = None, **headers: str) -> Raw:
        """`sp.api.<subject>` with a JSON body, or a text as it is; the answer read from JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        answer = await self.send(f"sp.api.{subject}", data, **headers)
        read: Raw = json.loads(answer.data)
        return read

    async def ok(self, subject: str, body: Any = None, **headers: str) -> Raw:
        """The same, and the answer is no refusal."""
        answer = await self.call(subject, body, **headers)
        assert answer.get("status") != "Failure", answer
        return answer

    async def refused(self, subject: str, body: Any = None, **headers: str) -> tuple[int, str, str]:
        """The same, and the answer is a refusal: its code, reason and message."""
        answer = await self.call(subject, body, **headers)
        assert answer.get("kind") == "Status" and answer["status"] == "Failure", answer
        return answer["code"], answer["reason"], answer["message"]

    async def watch(self, subject: str, options: Raw | None = None, **headers: str) -> Watch:
        """Begin a watch."""
        watch = Watch(self.client.inbox())
        watch.subscription = await self.client.subscribe(watch.inbox, watch.arrived.append)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.client.publish(
            f"sp.api.watch.{subject}", json.dumps(options or {}).encode(), reply=watch.inbox, headers=named
        )
        return watch


@dataclass
class Watch:
    """What came of a watch so far."""

    inbox: str
    arrived: list[Message] = field(default_factory=list)
    subscription: Subscription | None = None

    @property
    def events(self) -> list[tuple[str, str]]:
        """(type, name) of each event, bookmarks left out."""
        raws = [json.loads(message.data) for message in self.arrived if message.data]
        told = [(raw["type"], raw["object"].get("metadata", {}).get("name", "")) for raw in raws]
        return [event for event in told if event[0] != "BOOKMARK"]

    def raw(self, index: int) -> Raw:
        read: Raw = json.loads(self.arrived[index].data)
        return read

    async def until(self, count: int) -> list[tuple[str, str]]:
        """Wait until so many events have come."""
        await eventually(lambda: len(self.events) >= count, what=f"{count} events")
        return self.events

    async def close(self) -> None:
        assert self.subscription is not None
        await self.subscription.unsubscribe()


@asynccontextmanager
async def cluster(replicas: int = 1, **network: Any) -> AsyncIterator[Cluster]:
    """A cluster with the namespaces that a leader makes."""
    net = MemoryNetwork(**network)
    made = Cluster(net, MemoryStoreServer(), MemoryBus(net, "client"))
    for _ in range(replicas):
        await made.add_replica()
    for name in ("default", "kube-system"):
        await made.ok("create.core.namespaces", {"metadata": {"name": name}})
    for replica in made.replicas:
        await replica.mirror.wait_for(made.revision, TIMEOUT_S)
    try:
        yield made
    finally:
        for replica in made.replicas:
            await replica.api.stop()
            await replica.store.close()
            await replica.task


def pod(name: str = "p", **spec: Any) -> Raw:
    """A pod with one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "command": ["sleep", "1"]}], **spec},
    }


def deployment(name: str = "web", **spec: Any) -> Raw:
    """A deployment of such pods."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }
