"""Keeps the levels of control groups in step with the pods of the node: what each level weighs, what all pods may use.

Reads: the pods, through `plan.levels`. Writes: the runtime's levels, where it has such. Never: a container's limits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from node_agent.plan.environment import Host
from node_agent.plan.levels import level_limits
from node_agent.runtime.abilities import Levels
from node_agent.runtime.port import Limits, Runtime, RuntimeFailure
from proto.clock import Clock
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

GATHER_S = 0.2
"""How long the first change waits for company."""

RETRY_S = 10.0


class LevelBounds:
    """What was set, and what should be. `pods` gives those of the node that have not ended."""

    def __init__(self, runtime: Runtime, clock: Clock, host: Host, pods: Callable[[], Iterable[Pod]]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._host = host
        self._pods = pods
        self._set: dict[str, Limits] = {}
        self._changed = asyncio.Event()
        self._changed.set()

    def note_change(self) -> None:
        """The pods of the node are others now, or want something else."""
        self._changed.set()

    def forget(self) -> None:
        """The runtime may have lost what was set."""
        self._set.clear()
        self._changed.set()

    async def run(self) -> None:
        """Set what changed until cancelled."""
        if not isinstance(self._runtime, Levels):
            return
        while True:
            await self._changed.wait()
            await self._clock.sleep(GATHER_S)
            self._changed.clear()
            if not await self._apply(self._runtime, level_limits(self._pods(), self._host)):
                await self._clock.sleep(RETRY_S)
                self._changed.set()

    async def _apply(self, runtime: Levels, wanted: Mapping[str, Limits]) -> bool:
        """Whether everything is as it should be; the top comes first, since groups stand below it."""
        for level, limits in wanted.items():
            if self._set.get(level) == limits:
                continue
            try:
                await runtime.bound(level, limits)
            except RuntimeFailure as problem:
                log.warning("level_not_bounded level=%r retry_s=%g problem=%s", level, RETRY_S, problem)
                return False
            self._set[level] = limits
        return True
