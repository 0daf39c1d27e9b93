"""The store on a cluster of three servers whose stream leader is killed under writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.store.nats import NatsLeaderKeys, open_store
from control_plane.store.nats.jetstream import JetStream
from control_plane.store.port import OutcomeUnknown, RevisionMismatch, StoreUnavailable
from proto import subjects
from proto.bus.nats import NatsBus
from proto.clock import SystemClock
from proto.objects.core import ConfigMap
from proto.objects.meta import ObjectMeta
from tests.contract.nats_cluster import NatsCluster
from tests.contract.stores import Follower
from tests.waiting import eventually

CLOCK = SystemClock()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    async with NatsCluster(tmp_path) as cluster:
        yield cluster


async def test_the_death_of_the_stream_leader_loses_repeats_and_disorders_nothing(cluster: NatsCluster) -> None:
    buses = [await NatsBus.connect(cluster.urls, name=name) for name in ("writer", "reader")]
    writer, reader = [await open_store(bus, CLOCK, replicas=3) for bus in buses]
    keys = await NatsLeaderKeys.open(buses[0], CLOCK, replicas=3)
    held = await keys.acquire("me", 60)
    follower, following = Follower.of(reader)
    await follower.reaches(lambda f: f.synced)
    acknowledged: dict[str, int] = {}
    stopping = asyncio.Event()

    async def write(name: str) -> None:
        revision, n = 0, 0
        while not stopping.is_set():
            obj = ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid=name), data={"n": str(n)})
            try:
                revision = await writer.put(obj, revision)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
                continue
            acknowledged[name] = n
            n += 1

    writers = [asyncio.create_task(write(f"w{number}")) for number in range(8)]
    await eventually(lambda: sum(acknowledged.values()) > 100, within_s=40)
    info = await JetStream(buses[1]).ask(f"STREAM.INFO.{subjects.OBJECT_STREAM}")
    leader = int(info["cluster"]["leader"][1:])
    await cluster.kill(leader)
    before = sum(acknowledged.values())
    await eventually(lambda: sum(acknowledged.values()) > before + 100, within_s=40)
    await cluster.start(leader)
    stopping.set()
    await asyncio.gather(*writers)
    expected = {name: str(n) for name, n in acknowledged.items()}
    await follower.reaches(lambda f: f.states == expected)
    assert (follower.resets, follower.synced) == (0, 1)

    async def still_held() -> bool:
        try:
            assert held is not None
            return await keys.renew("me", held, 60) is not None
        except (StoreUnavailable, OutcomeUnknown, RevisionMismatch):
            return False

    await eventually(still_held, within_s=20)
    following.cancel()
    for bus in buses:
        await bus.close()
