"""Fixtures: one API over memory, two replicas of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.cluster import Cluster, cluster


@pytest.fixture
async def api() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        yield made


@pytest.fixture
async def two() -> AsyncIterator[Cluster]:
    async with cluster(replicas=2) as made:
        yield made
