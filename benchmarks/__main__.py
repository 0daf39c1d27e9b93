"""Run the measurements and print them: `python -m benchmarks [NAME…] [--json FILE]`.

Reads: the machine. Writes: a table to stdout, JSON below `benchmarks/results/`.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import sys
from collections.abc import AsyncIterator, Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measuring import Figure, machine_facts

MEASUREMENTS = (
    "bad_input",
    "scheduling",
    "store",
    "resync",
    "command_line",
    "latency",
    "recovery",
    "leaving",
    "failover",
    "footprint",
    "probes",
    "throughput",
    "workloads",
    "processes",
    "starts",
    "streams",
    "attaching",
)
RESULTS = Path(__file__).parent / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; the exit status is 0 also when a budget is missed, since that is a result and not a failure."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure the budgets of the design.")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--json", type=Path, default=RESULTS / "latest.json", help="where the figures are written")
    options = parser.parse_args(argv)
    unknown = set(options.name) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"unknown measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    figures = asyncio.run(_run(options.name or list(MEASUREMENTS)))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    facts = machine_facts()
    options.json.write_text(json.dumps({"machine": facts, "figures": [f.as_json() for f in figures]}, indent=2) + "\n")
    print(f"\n{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, Python {facts['python']}")
    print(f"as JSON: {options.json}")
    return 0


async def _run(names: Sequence[str]) -> list[Figure]:
    figures: list[Figure] = []
    print(f"{'what':<58}{'measured':>14}  {'budget':<18}note")
    for name in names:
        async for figure in _measure(name):
            figures.append(figure)
            print(_line(figure), flush=True)
    return figures


async def _measure(name: str) -> AsyncIterator[Figure]:
    measured = import_module(f"benchmarks.{name}").measure()
    if inspect.isasyncgen(measured):
        async for figure in measured:
            yield figure
        return
    for figure in measured:
        yield figure


def _line(figure: Figure) -> str:
    value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"
    budget = ""
    if figure.budget is not None:
        sign = "≥" if figure.at_least else "≤"
        budget = f"{sign} {figure.budget:,g} {'kept' if figure.kept else 'MISSED'}"
    return f"{figure.what:<58}{value + ' ' + figure.unit:>14}  {budget:<18}{figure.note}"


if __name__ == "__main__":
    sys.exit(main())
