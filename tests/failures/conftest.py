"""A real cluster for every test: NATS, two control planes, three machines; as root the machines have own networks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.failures.observing import Observer

MACHINES = ("m1", "m2", "m3")


@pytest.fixture
async def observer(tmp_path: Path) -> AsyncIterator[Observer]:
    shape = ClusterShape(data_dir=tmp_path, machines=MACHINES, control_planes=2)
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            seen = Observer(cluster, bus, Client(bus, timeout_s=5))
            await seen.all_ready(len(MACHINES))
            yield seen
        finally:
            await bus.close()
