"""A cluster for the tests of StatefulSets that do not break machines."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from proto.client.typed import Client
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("stateful")
    async with client_of(ClusterShape(data_dir=folder, machines=("m1", "m2"), isolation="groups")) as found:
        yield found
