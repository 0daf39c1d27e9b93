"""For tests that script one course of events on a small cluster, instead of drawing it from a seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.sim import invariants, programs
from tests.sim.cluster import Cluster
from tests.sim.trace import Trace
from tests.waiting import eventually

SETTLING_S = 30.0


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
