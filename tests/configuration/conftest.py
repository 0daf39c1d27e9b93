"""One real machine for all tests of this room, and the typed client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.configuration.seeing import Seeing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seeing]:
    """A cluster of one machine."""
    shape = ClusterShape(data_dir=tmp_path_factory.mktemp("configuration"), machines=("m1",), isolation="groups")
    async with client_of(shape) as client:
        yield Seeing(client)
