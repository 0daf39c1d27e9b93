"""A cluster for the tests of StatefulSets that do not break machines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.errors import NotFound, Timeout, Unavailable
from proto.objects.core import Namespace
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.waiting import eventually


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("stateful")
    async with LocalCluster(ClusterShape(data_dir=folder, machines=("m1", "m2"), isolation="groups")) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            found = Client(bus, timeout_s=5)

            async def answers() -> bool:
                try:
                    return bool(await found.get(Namespace, "default"))
                except (NotFound, Timeout, Unavailable) as nobody:
                    raise AssertionError(nobody.message) from None

            await eventually(answers, within_s=20, what="the API answers")
            yield found
        finally:
            await bus.close()
