"""The only source of time and sleep.

Everything that waits or asks what time it is takes a `Clock`. In the programs it is `SystemClock`; in the simulator
the event loop's own time is virtual, and `LoopClock` reads everything from the loop, so a whole day of a cluster
passes in a second and the same seed gives the same trace.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

Instant = datetime
"""A point in time: an aware datetime in UTC. What pure code is given as *now*."""

_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Wall time for people, monotonic time for deadlines, and sleep."""

    def now(self) -> Instant:
        """The wall-clock time (UTC). May jump: never use it for deadlines within one process."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back, comparable within this process only."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds of monotonic time."""
        ...


class SystemClock:
    """The machine's clocks.

    Deadlines run while the machine is suspended: a node or a leader that slept must not think that its lease still
    runs. (macOS has no such clock and no need of it: only clients run there.)
    """

    def now(self) -> Instant:
        """The wall-clock time (UTC)."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds on CLOCK_BOOTTIME, which all programs of the machine share."""
        return time.clock_gettime(_MONOTONIC)

    async def sleep(self, delay_s: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(delay_s)


class LoopClock:
    """Reads everything from the event loop that it is made in, whose time may be virtual.

    `offset_s` shifts the wall clock, so that machines of a simulation can disagree about the time of day.
    """

    def __init__(self, start: Instant = EPOCH, offset_s: float = 0.0):
        self._start = start + timedelta(seconds=offset_s)
        self._loop = asyncio.get_running_loop()

    def now(self) -> Instant:
        """`start` plus the loop's time."""
        return self._start + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        """The loop's own time."""
        return self._loop.time()

    async def sleep(self, delay_s: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(delay_s)
