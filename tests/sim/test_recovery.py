"""How fast one fault is overcome: in virtual time, so what is measured is the protocol and not this computer."""

from __future__ import annotations

import asyncio

import pytest

from tests.sim import invariants
from tests.sim.cluster import Cluster
from tests.sim.courses import SETTLING_S, ready_away_from, time_until, with_a_cluster
from tests.waiting import eventually

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_work_of_a_machine_that_fell_silent_is_ready_elsewhere_within_four_seconds(seed: int) -> None:
    async def course(cluster: Cluster) -> None:
        lost = cluster.machines[0]
        await asyncio.sleep(seed * 0.07)
        lost.cut_link()
        took_s = await time_until(lambda: ready_away_from(cluster, lost.name) == 10)
        assert 1.0 < took_s <= 4.0
        lost.mend_link()
        await eventually(lambda: not invariants.problems(cluster), within_s=SETTLING_S)

    with_a_cluster(seed, course)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_control_plane_leads_within_three_seconds(seed: int) -> None:
    async def course(cluster: Cluster) -> None:
        leader = next(found for found in cluster.control_planes if found.leading)
        await asyncio.sleep(seed * 0.07)
        before = {pod.metadata.uid: pod for pod in cluster.audit.pods()}
        leader.kill()
        assert await time_until(lambda: any(found.leading for found in cluster.control_planes)) <= 3.0
        await asyncio.sleep(SETTLING_S)
        assert {pod.metadata.uid for pod in cluster.audit.pods()} == set(before)
        assert invariants.restarted_for_nothing(cluster, set()) == []

    with_a_cluster(seed, course)


@pytest.mark.parametrize("away_s", [1.0, 6.0, 30.0])
def test_nothing_restarts_while_nobody_can_write(away_s: float) -> None:
    async def course(cluster: Cluster) -> None:
        cluster.hub.stop_writes()
        await asyncio.sleep(away_s)
        cluster.hub.resume_writes()
        await eventually(lambda: not invariants.problems(cluster), within_s=SETTLING_S)
        await asyncio.sleep(SETTLING_S)
        assert invariants.restarted_for_nothing(cluster, set()) == []

    with_a_cluster(3, course)
