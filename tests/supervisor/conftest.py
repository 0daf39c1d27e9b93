"""Supervisors that are gone after the test, with all that they started."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.cgroup.detect import detect
from tests.supervisor.rig import Rig

CGROUPS_WORK = bool(detect("test-probe").abilities)
detect("test-probe").remove("")


@pytest.fixture(params=["cgroups", "no-cgroups"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """A supervisor, once with cgroups (where the host has them) and once without."""
    if request.param == "cgroups" and not CGROUPS_WORK:
        pytest.skip("this host lets us make no cgroups")
    rig = Rig(tmp_path, use_cgroups=request.param == "cgroups")
    await rig.attach()
    yield rig
    async with asyncio.timeout(20):
        await rig.close()


@pytest.fixture
async def grouped(tmp_path: Path) -> AsyncIterator[Rig]:
    """A supervisor with cgroups."""
    if not CGROUPS_WORK:
        pytest.skip("this host lets us make no cgroups")
    rig = Rig(tmp_path)
    await rig.attach()
    yield rig
    async with asyncio.timeout(20):
        await rig.close()
