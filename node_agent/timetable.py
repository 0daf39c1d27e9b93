"""Many things that are due at times of their own, behind one task that sleeps until the first of them.

A task for each would cost a kilobyte, and each change of a time the cancellation of one.

Reads: the clock. Never: waits for what it calls.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from node_agent.background import Background
from proto.clock import Clock

T = TypeVar("T")


class Timetable(Generic[T]):
    """Calls `due` with each thing when its time (monotonic seconds) has come; of equal times, in order of adding."""

    def __init__(self, clock: Clock, background: Background, name: str, due: Callable[[T], None]) -> None:
        self._clock = clock
        self._background = background
        self._name = name
        self._due = due
        self._queue: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._sleeper: asyncio.Task[Any] | None = None
        self._until_s = math.inf

    def add(self, at_s: float, what: T) -> None:
        """One more."""
        heapq.heappush(self._queue, (at_s, next(self._order), what))
        self._sleep()

    def _sleep(self) -> None:
        """Sleep until the first is due; one that sleeps no longer than that is left alone."""
        if not self._queue or self._queue[0][0] >= self._until_s:
            return
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._until_s = self._queue[0][0]
        self._sleeper = self._background.spawn(self._wait(self._until_s), self._name)

    async def _wait(self, until_s: float) -> None:
        await self._clock.sleep(max(until_s - self._clock.monotonic_s(), 0.0))
        self._sleeper, self._until_s = None, math.inf
        now_s = self._clock.monotonic_s()
        while self._queue and self._queue[0][0] <= now_s:
            self._due(heapq.heappop(self._queue)[2])
        self._sleep()
