"""One run of everything at once: all kinds, all faults, and what people do, from one seed.

settle in ─► things break, people act ─► all is mended ─► everything is as declared
          ─► a quiet minute ─► all is taken away ─► nothing is left
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proto.ids import RandomIds, hash64
from proto.objects.coordination import Lease
from proto.objects.meta import Object
from tests.sim import checks, faults, invariants
from tests.sim.chaos import Chaos
from tests.sim.cluster import Cluster
from tests.sim.people import People
from tests.sim.scenario import Outcome, simulated
from tests.sim.workloads import ALL, ROOM

UP_S = 30.0
SETTLE_IN_S = 90.0
CHAOS_S = 40.0
SETTLE_S = 240.0
QUIET_S = 60.0
SLOW_PACE_S = 12.0
"""What is written at a slow pace (Events, how nodes fare) is written within this time."""

LEAVE_S = 90.0
LOOK_S = 1.0
FAULTS = (4, 16)
PAUSE_S = (0.2, 3.0)


def simulate(seed: int, *, follow: bool = False, chaos_s: float = CHAOS_S) -> Outcome:
    """Run everything from `seed`."""
    return simulated(seed, lambda outcome: Everything(seed, outcome, chaos_s).run(), follow=follow)


class Everything:
    """The course of one run."""

    def __init__(self, seed: int, outcome: Outcome, chaos_s: float):
        ids = self._ids = RandomIds(hash64(seed, "everything"))
        self._violations = outcome.violations
        self._chaos_s = chaos_s
        machines = 3 + int(ids.uniform(0, 2))
        self._cluster = Cluster(
            seed, 2 + int(ids.uniform(0, 1.25)), machines, outcome.trace, rough=False, pods=ROOM + machines
        )
        self._people = People(self._cluster.user.client, RandomIds(hash64(seed, "people")), outcome.trace)
        self._chaos = Chaos(self._cluster, ids)
        self._checks = [check(self._cluster, self._people) for check in checks.ALL]

    async def run(self) -> None:
        """The whole of it; what goes wrong is in the outcome."""
        cluster, people = self._cluster, self._people
        for check in self._checks:
            check.put()
        cluster.start()
        if await self._until("the cluster is up", UP_S, lambda: invariants.machinery(cluster)):
            await people.settle_in()
            await self._until("everything runs", SETTLE_IN_S, self._unsettled)
            await self._break_and_mend()
            if await self._until("all is as declared", SETTLE_S, self._unsettled):
                await self._stay_quiet()
                await people.leave()
                await self._until("nothing is left", LEAVE_S, self._left_over)
        self._violations += cluster.audit.violations
        self._violations += cluster.unexpected_deaths()

    async def _break_and_mend(self) -> None:
        drawn = faults.draw(self._ids, int(self._ids.uniform(*FAULTS)), self._chaos_s, faults.ALL)
        await asyncio.gather(self._chaos.befall(drawn), self._act_for_a_while())
        await self._people.leave_it_well()
        self._note("all is mended")
        self._violations += self._people.broken_promises(self._cluster.audit.objects)

    async def _act_for_a_while(self) -> None:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._chaos_s
        while loop.time() < end_s:
            await asyncio.sleep(self._ids.uniform(*PAUSE_S))
            self._chaos.people_act()
            await self._people.act()

    async def _stay_quiet(self) -> None:
        """Once nothing is to be done nothing is written, except that the leader shows itself."""
        await self._people.stop_the_clock()
        await self._until("the last Jobs have ended", SETTLE_S, self._unsettled)
        await asyncio.sleep(SLOW_PACE_S)
        written: list[str] = []

        def listener(before: Object | None, after: Object, gone: bool) -> None:
            if not isinstance(after, Lease):
                written.append(f"{after.KIND} {'/'.join(after.key)} was written though all was quiet")

        self._cluster.audit.listeners.append(listener)
        await asyncio.sleep(QUIET_S)
        self._cluster.audit.listeners.remove(listener)
        self._violations += written
        self._violations += [f"after a quiet minute: {wrong}" for wrong in self._unsettled()]

    def _unsettled(self) -> list[str]:
        """What is not as it should be now: of the first check that finds anything, which is enough to go on waiting."""
        for check in self._checks:
            if wrong := list(check.settled()):
                return wrong
        return []

    def _left_over(self) -> list[str]:
        """What people made, what was made for it, and the processes of that."""
        kinds = {workload.kind.KIND for workload in ALL} | {"Pod", "ReplicaSet", "ControllerRevision"}
        left = [f"{'/'.join(key)} is left" for key in self._cluster.audit.objects if key[0] in kinds]
        return left + invariants.machinery(self._cluster)

    async def _until(self, what: str, within_s: float, problems: Callable[[], list[str]]) -> bool:
        """Wait until there are no problems; those that remain are violations."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within_s
        while (found := problems()) and loop.time() < deadline_s:
            await asyncio.sleep(LOOK_S)
        self._note(what if not found else f"NOT WITHIN {within_s} s: {what}")
        self._violations += [f"not within {within_s} s: {what}: {problem}" for problem in found]
        return not found

    def _note(self, what: str) -> None:
        self._cluster.trace.note("*", what)
