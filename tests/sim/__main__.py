"""Runs seeds from the command line.

python -m tests.sim 42                      replay one seed, with its trace
python -m tests.sim 1 --count 100           a hundred seeds, one process a core; prints those that fail
python -m tests.sim --minutes 60            a soak: go on from where the last one ended
python -m tests.sim 42 --scenario deployments   the older scenario: Deployments alone, in depth
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from pathlib import Path

from tests.sim.pool import SCENARIOS, Seeds

PLACES = Path(".pytest_cache")
SOAK_FIRST = 1_000
BATCH = 16


def main() -> int:
    """Run, print what was violated; the exit status is 1 if any seed failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int, nargs="?", help="the seed, or the first of several")
    parser.add_argument("--count", type=int, default=1, help="this seed and so many after it")
    parser.add_argument("--minutes", type=float, help="go on for so long")
    parser.add_argument("--scenario", choices=SCENARIOS, default="everything", help="what is simulated")
    chosen = parser.parse_args()
    if chosen.minutes is not None:
        return soak(chosen.scenario, chosen.seed, chosen.minutes)
    if chosen.seed is not None and chosen.count == 1:
        return replay(chosen.scenario, chosen.seed)
    first = chosen.seed or 1
    return run(chosen.scenario, range(first, first + chosen.count))


def replay(name: str, seed: int) -> int:
    """One seed with its trace as it happens, and then what was wrong."""
    outcome = SCENARIOS[name](seed, follow=True)
    print(f"seed {seed}: {len(outcome.violations)} violations, hash {outcome.hash}")
    for violation in outcome.violations:
        print(f"    {violation}")
    return int(bool(outcome.violations))


def run(name: str, seeds: range) -> int:
    """Many seeds; those that fail are told."""
    pool, failed, took_s = Seeds(name), 0, 0.0
    for verdict in pool.of(seeds):
        failed, took_s = failed + bool(verdict.violations), took_s + verdict.took_s
        if verdict.violations:
            print(verdict, flush=True)
    pool.close()
    print(f"seeds {seeds.start} to {seeds.stop - 1}: {failed} failed, {took_s / len(seeds):.2f} s of CPU a seed")
    return int(failed > 0)


def soak(name: str, first: int | None, minutes: float) -> int:
    """Seeds one batch after the other until the time is over; the next soak begins where this one ends."""
    place = PLACES / f"next-seed-of-{name}"
    if first is None:
        first = int(place.read_text()) if place.exists() else SOAK_FIRST
    failed, end_s = 0, time.monotonic() + minutes * 60
    for begin in itertools.count(first, BATCH):
        if time.monotonic() >= end_s:
            return failed
        failed |= run(name, range(begin, begin + BATCH))
        PLACES.mkdir(exist_ok=True)
        place.write_text(str(begin + BATCH))
    return failed


if __name__ == "__main__":
    sys.exit(main())
