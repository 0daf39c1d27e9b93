"""Everything at once under seeded faults: what each kind promises holds always, and in the end all is as declared.

`python -m tests.sim SEED` replays a seed that failed, with its trace; see docs/simulation.md.
"""

from __future__ import annotations

import pytest

from tests.sim.everything import simulate
from tests.sim.pool import judged

SEEDS = 200
SEEDS_A_TEST = 10
TIMEOUT_S = 600
"""About 13 s on a core of its own; many times that where others use it too."""

REGRESSIONS = {
    20: "a Deployment whose pods a quota refuses could not even be scaled down: its ReplicaSet told nothing any more",
    23: "the same, with a rollout on the way",
}
"""Seeds that found something once. Courses change when the scenario does: the pure test beside each fix stays."""


@pytest.mark.timeout(TIMEOUT_S)
@pytest.mark.parametrize("first", range(1, SEEDS + 1, SEEDS_A_TEST))
def test_everything_keeps_its_promises(first: int) -> None:
    verdicts = [judged(seed, "everything") for seed in range(first, first + SEEDS_A_TEST)]
    failed = [str(verdict) for verdict in verdicts if verdict.violations]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("seed", REGRESSIONS, ids=lambda seed: f"seed-{seed}")
def test_what_a_seed_has_found_stays_mended(seed: int) -> None:
    assert simulate(seed).violations == []


def test_a_seed_is_one_course_and_another_seed_another() -> None:
    assert simulate(3).hash == simulate(3).hash != simulate(4).hash
