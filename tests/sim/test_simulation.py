"""Whole clusters with seeded faults: after each run everything is as it was declared and promised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.scenario import simulate

ROOT = Path(__file__).parents[2]

CI_SEEDS = range(1, 13)


@pytest.mark.parametrize("seed", CI_SEEDS)
def test_a_cluster_comes_through_what_befalls_it(seed: int) -> None:
    assert simulate(seed).violations == []


def test_the_same_seed_is_the_same_run_in_any_process() -> None:
    here = simulate(7)
    again = simulate(7)
    assert here.trace.lines == again.trace.lines
    elsewhere = [_hash_in_another_process(7, hash_seed) for hash_seed in ("1", "2")]
    assert elsewhere == [here.hash, here.hash]
    assert simulate(9).hash != here.hash


def _hash_in_another_process(seed: int, hash_seed: str) -> str:
    """The trace's hash from a process in which sets of strings are walked in another order."""
    program = f"from tests.sim.scenario import simulate; print(simulate({seed}).hash)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    run = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()
