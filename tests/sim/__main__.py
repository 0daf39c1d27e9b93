"""One run, or many, from the command line: `python -m tests.sim --seed 42 [--count 10] [--trace]`."""

from __future__ import annotations

import argparse
import sys
import time

from tests.sim.scenario import simulate


def main() -> int:
    """Run, print what was violated; the exit status is the number of seeds that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1, help="this seed and so many after it")
    parser.add_argument("--trace", action="store_true", help="print what happens as it happens")
    chosen = parser.parse_args()
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        begun = time.monotonic()
        outcome = simulate(seed, follow=chosen.trace)
        verdict = "FAILED" if outcome.violations else "ok"
        took_s = time.monotonic() - begun
        print(f"seed {seed}: {verdict} hash={outcome.hash} lines={len(outcome.trace.lines)} took {took_s:.1f} s")
        for violation in outcome.violations:
            print(f"    {violation}")
        failed += bool(outcome.violations)
    return min(failed, 100)


if __name__ == "__main__":
    sys.exit(main())
