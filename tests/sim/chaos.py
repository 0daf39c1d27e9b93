"""Lets faults befall a cluster: each in its time, some in ambush of what people do, and each is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from proto.ids import Ids
from tests.sim.cluster import Cluster
from tests.sim.faults import Fault

AMBUSH_WITHIN_S = 10.0
STRAGGLE_S = 0.3
"""Those that lost the hub together do not find it again together."""


class Chaos:
    """`harmed` are the victims whose pods may have ended because of what befell them."""

    def __init__(self, cluster: Cluster, ids: Ids):
        self.harmed: set[str] = set()
        self._cluster = cluster
        self._ids = ids
        self._act: asyncio.Future[None] | None = None
        self._afflicted: set[str] = set()

    async def befall(self, faults: Sequence[Fault]) -> None:
        """Every fault in its time; returns when the last is mended."""
        await asyncio.gather(*(self._befall(fault) for fault in faults))

    def people_act(self) -> None:
        """Somebody is about to do something: what lies in ambush strikes soon."""
        if self._act is not None:
            self._act.set_result(None)
            self._act = None

    async def _befall(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        if fault.ambushes:
            await self._wait_for_an_act()
            await asyncio.sleep(fault.ambush_s)
        victims = fault.kind.victims(self._cluster, fault.number)
        names = {victim.name for victim in victims}
        if not names or names & self._afflicted:
            return
        self._afflicted |= names
        if fault.harms_pods:
            self.harmed |= names
        self._note(f"{fault.kind.name} of {' '.join(sorted(names))} for {fault.lasts_s} s")
        for victim in victims:
            fault.kind.begin(victim)
        await asyncio.sleep(fault.lasts_s)
        for victim in victims:
            fault.kind.mend(victim)
            await asyncio.sleep(0 if len(victims) == 1 else self._ids.uniform(0, STRAGGLE_S))
        self._note(f"{fault.kind.name} of {' '.join(sorted(names))} is mended")
        self._afflicted -= names

    async def _wait_for_an_act(self) -> None:
        """Until a person does something, if that happens soon: faults find most to break while much is under way."""
        act = self._act = self._act or asyncio.get_running_loop().create_future()
        await asyncio.wait({act}, timeout=AMBUSH_WITHIN_S)

    def _note(self, what: str) -> None:
        self._cluster.trace.note("*", what)
