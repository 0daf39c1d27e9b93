"""What seeds have found, as the shortest course that shows it: a scenario changes its seeds, a course stays."""

from __future__ import annotations

from tests.sim import invariants
from tests.sim.cluster import Cluster
from tests.sim.courses import SETTLING_S, with_a_cluster
from tests.waiting import eventually


def test_a_change_that_looks_like_none_to_a_replica_that_is_behind_is_not_lost() -> None:
    """Found by a leader that was frozen and thawed: it acknowledged a scaling that its old mirror held for done."""

    async def course(cluster: Cluster) -> None:
        for control_plane in cluster.control_planes:
            if not control_plane.leading:
                control_plane.slow_feed()
        for replicas in (4, 10, 4, 10):
            await cluster.user.scale("app-1", replicas)
        await eventually(lambda: not invariants.problems(cluster), within_s=SETTLING_S)
        await cluster.user.read_back()
        assert cluster.user.ledger.acknowledged == {"app-1": 10}

    with_a_cluster(1, course)
