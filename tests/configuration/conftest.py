"""One real machine for all tests of this room, and the typed client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.errors import NotFound, Timeout, Unavailable
from proto.objects.core import Namespace
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.configuration.seeing import Seeing
from tests.waiting import eventually


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seeing]:
    """A cluster of one machine."""
    shape = ClusterShape(data_dir=tmp_path_factory.mktemp("configuration"), machines=("m1",), isolation="groups")
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            client = Client(bus, timeout_s=5)

            async def answers() -> bool:
                try:
                    return bool(await client.get(Namespace, "default"))
                except (NotFound, Timeout, Unavailable) as nobody:
                    raise AssertionError(nobody.message) from None

            await eventually(answers, within_s=20, what="the API answers")
            yield Seeing(client)
        finally:
            await bus.close()
