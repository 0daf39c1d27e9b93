"""One run from its seed: a cluster comes up, people use it, things break and are mended, and all must be well.

Odd seeds break anything; even seeds break only what no workload may feel, so that there not one pod may be restarted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from proto.ids import RandomIds, hash64
from tests.sim import faults, invariants, programs
from tests.sim.chaos import Chaos
from tests.sim.cluster import Cluster
from tests.sim.trace import Trace
from tests.sim.users import REPLICAS_MAX

ROOMS = ("control_plane", "node_agent", "proto")

UP_S = 30.0
CHAOS_S = 60.0
SETTLE_S = 150.0
CALM_S = 20.0


@dataclass
class Outcome:
    """What became of a run."""

    seed: int
    violations: list[str] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)

    @property
    def hash(self) -> str:
        """Of the trace."""
        return self.trace.hash


def simulated(seed: int, course: Callable[[Outcome], Awaitable[None]], *, follow: bool) -> Outcome:
    """Run a course in virtual time; what it violates, and errors that are logged meanwhile, are in the outcome."""
    outcome = Outcome(seed, trace=Trace(follow=follow))

    async def run() -> None:
        await course(outcome)

    with LoggedErrors(outcome):
        programs.run(run())
    return outcome


def simulate(seed: int, *, follow: bool = False, chaos_s: float = CHAOS_S) -> Outcome:
    """Run the scenario of `seed`."""
    return simulated(seed, lambda outcome: Scenario(seed, outcome, chaos_s).run(), follow=follow)


class Scenario:
    """The course of one run."""

    def __init__(self, seed: int, outcome: Outcome, chaos_s: float):
        self._ids = RandomIds(hash64(seed, "scenario"))
        self._outcome = outcome
        self._chaos_s = chaos_s
        rough = seed % 2 == 1
        self._kinds = faults.KINDS if rough else faults.HARMLESS
        control_planes, machines = 1 + int(self._ids.uniform(0, 3)), 3 + int(self._ids.uniform(0, 5))
        self._cluster = Cluster(seed, control_planes, machines, outcome.trace, rough=rough)
        self._pause_s = (0.1, self._ids.uniform(1, 12))
        self._chaos = Chaos(self._cluster, self._ids)

    async def run(self) -> None:
        """The whole of it; what goes wrong is in the outcome."""
        cluster = self._cluster
        cluster.start()
        up = await self._wait("the cluster is up", UP_S, lambda: invariants.problems(cluster))
        if up:
            most = len(cluster.machines) - 1
            await cluster.user.create(replicas=REPLICAS_MAX, command=("fake",))
            await cluster.user.create(replicas=REPLICAS_MAX, command=("fake", "--ignore-term"))
            await cluster.user.create(replicas=most, command=("fake", "--stop-after", "1.5"), port=8080, most=most)
            await self._wait("the first pods run", UP_S, lambda: invariants.problems(cluster))
            await asyncio.gather(self._break_things(), self._use_it())
            self._note("all is mended")
            await self._wait("all is well again", SETTLE_S, lambda: invariants.problems(cluster))
            await asyncio.sleep(CALM_S)
            await self._judge()
        self._outcome.violations += cluster.audit.violations
        self._outcome.violations += cluster.unexpected_deaths()

    async def _break_things(self) -> None:
        """Every fault in its time; ends when the last is mended."""
        count = 3 + int(self._ids.uniform(0, 18))
        await self._chaos.befall(faults.draw(self._ids, count, self._chaos_s, self._kinds))

    async def _use_it(self) -> None:
        """People change things while the faults last."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._chaos_s
        while loop.time() < end_s:
            await asyncio.sleep(self._ids.uniform(*self._pause_s))
            self._chaos.people_act()
            await self._cluster.user.act()

    async def _judge(self) -> None:
        """Once all is calm: still well, every promise kept, nothing restarted for nothing."""
        violations = self._outcome.violations
        violations += [f"after a while: {problem}" for problem in invariants.problems(self._cluster)]
        violations += invariants.restarted_for_nothing(
            self._cluster, self._chaos.harmed | self._cluster.user.ledger.removed_nodes
        )
        try:
            await self._cluster.user.read_back()
        except AssertionError as broken:
            violations.append(str(broken))

    async def _wait(self, what: str, within_s: float, problems: Callable[[], list[str]]) -> bool:
        """Wait until there are no problems; those that remain are violations."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while (found := problems()) and loop.time() < deadline_s:
            await asyncio.sleep(0.25)
        self._note(what if not found else f"NOT WITHIN {within_s} s: {what}")
        self._outcome.violations += [f"not within {within_s} s: {what}: {problem}" for problem in found]
        return not found

    def _note(self, what: str) -> None:
        self._outcome.trace.note("*", what)


class LoggedErrors(logging.Handler):
    """Errors that the programs log are violations: nothing that may happen here is a fault of theirs."""

    def __init__(self, outcome: Outcome):
        super().__init__(logging.ERROR)
        self._outcome = outcome

    def emit(self, record: logging.LogRecord) -> None:
        trace = f"\n{logging.Formatter().formatException(record.exc_info)}" if record.exc_info else ""
        self._outcome.violations.append(f"logged by {record.name}: {record.getMessage()}{trace}")

    def __enter__(self) -> None:
        for room in ROOMS:
            logging.getLogger(room).addHandler(self)

    def __exit__(self, *_: object) -> None:
        for room in ROOMS:
            logging.getLogger(room).removeHandler(self)
