"""Runs many seeds at once, one process for each core."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.sim import everything, scenario

SCENARIOS = {"everything": everything.simulate, "deployments": scenario.simulate}


@dataclass(frozen=True)
class Verdict:
    """What became of a seed, and what it cost."""

    seed: int
    violations: list[str]
    took_s: float

    def __str__(self) -> str:
        wrong = "".join(f"\n    {violation}" for violation in self.violations)
        return f"seed {self.seed}: {'FAILED' if self.violations else 'ok'} took {self.took_s:.1f} s{wrong}"


class Seeds:
    """A pool for as long as it is open; `of` yields verdicts in the order of the seeds."""

    def __init__(self, name: str = "everything"):
        self._judge = partial(judged, name=name)
        # Not forked: the parent of the processes is a test run, with threads and loops of its own.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.sim.everything", "tests.sim.scenario"])
        self._pool = ProcessPoolExecutor(os.cpu_count(), mp_context=context)

    def of(self, seeds: Iterable[int]) -> Iterator[Verdict]:
        """Run them."""
        return self._pool.map(self._judge, seeds)

    def close(self) -> None:
        """End the processes; what has not begun is not begun any more."""
        self._pool.shutdown(cancel_futures=True)


def judged(seed: int, name: str) -> Verdict:
    """Run one seed of a scenario; what it raises is a violation too."""
    begun_s = time.process_time()
    try:
        violations = SCENARIOS[name](seed).violations
    except Exception:
        violations = [traceback.format_exc()]
    return Verdict(seed, violations, time.process_time() - begun_s)
