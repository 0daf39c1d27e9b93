"""How fast one fault is overcome: in virtual time, so what is measured is the protocol and not this computer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.sim import invariants, programs
from tests.sim.cluster import Cluster
from tests.sim.trace import Trace
from tests.waiting import eventually

SEEDS = range(12)
SETTLING_S = 30.0


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


def with_a_cluster(seed: int, course: Callable[[Cluster], Awaitable[None]]) -> None:
    """Two control planes, five machines, ten replicas that run; then `course`."""

    async def main() -> None:
        cluster = Cluster(seed, 2, 5, Trace(), rough=False)
        cluster.start()
        await eventually(lambda: not invariants.problems(cluster), within_s=SETTLING_S)
        await cluster.user.create(replicas=10, command=("fake",), most=10)
        await eventually(lambda: ready_away_from(cluster, "") == 10, within_s=SETTLING_S)
        await course(cluster)
        assert cluster.audit.violations + cluster.unexpected_deaths() == []

    programs.run(main())


def ready_away_from(cluster: Cluster, node: str) -> int:
    return sum(invariants.is_ready(pod) for pod in cluster.audit.pods() if pod.spec.node_name != node)


async def time_until(condition: Callable[[], bool]) -> float:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    await eventually(condition, within_s=SETTLING_S, every_s=0.01)
    return loop.time() - begun_s
