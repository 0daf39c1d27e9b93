"""A real cluster for a test, and a client of it once there is something to talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.errors import NotFound, Timeout, Unavailable
from proto.objects.core import Namespace, Node
from proto.objects.meta import find_condition
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.waiting import eventually


@asynccontextmanager
async def client_of(shape: ClusterShape) -> AsyncIterator[Client]:
    """Start the cluster; a client of it when the API answers and all machines are Ready."""
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            client = Client(bus, timeout_s=5)

            async def ready() -> bool:
                try:
                    await client.get(Namespace, "default")
                    nodes = (await client.list(Node)).items
                except (NotFound, Timeout, Unavailable) as nobody:
                    raise AssertionError(nobody.message) from None
                conditions = [find_condition(node.status.conditions, "Ready") for node in nodes]
                return [one and one.status for one in conditions] == ["True"] * len(shape.machines)

            await eventually(ready, within_s=30, what="all machines are Ready")
            yield client
        finally:
            await bus.close()
