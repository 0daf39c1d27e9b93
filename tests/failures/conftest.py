"""A real cluster for every test: NATS, two control planes, three machines; as root the machines have own networks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from setpoint.local.cluster import ClusterShape
from tests.failures.observing import Observer, observer_of

MACHINES = ("m1", "m2", "m3")


@pytest.fixture
async def observer(tmp_path: Path) -> AsyncIterator[Observer]:
    shape = ClusterShape(data_dir=tmp_path, machines=MACHINES, control_planes=2)
    async with observer_of(shape) as seen:
        yield seen
