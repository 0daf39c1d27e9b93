"""The work queue of a control loop: keys that wait to be reconciled.

A key that is added twice waits once. A key that is added while it is being worked on waits again once that is done,
so no change is overlooked and no key is worked on twice at a time. Failed keys wait exponentially longer; every key
has its own count. Order is first in, first out, and depends on nothing but the calls made.

Source of the semantics: Kubernetes client-go `workqueue`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from proto.clock import Clock

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on, now or later.

    `backoff_s` is the delay after the first failure and doubles up to `backoff_max_s`. Above `bound` waiting keys
    additions are dropped and `overflowed` is set: the owner looks at everything again once there is room.
    """

    def __init__(self, clock: Clock, *, backoff_s: float = 0.05, backoff_max_s: float = 30.0, bound: int = 500_000):
        self._clock = clock
        self._backoff_s = backoff_s
        self._backoff_max_s = backoff_max_s
        self._bound = bound
        self._order: deque[K] = deque()
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._due_s: dict[K, float] = {}
        self._timetable: list[tuple[float, int, K]] = []
        self._entries = 0
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self.overflowed = False

    def __len__(self) -> int:
        """Keys that wait for a worker now."""
        return len(self._order)

    @property
    def idle(self) -> bool:
        """Whether nothing waits for a worker and nothing is being worked on; delayed keys do not count."""
        return not self._order and not self._working

    def add(self, key: K) -> None:
        """Let `key` be worked on as soon as a worker is free."""
        self._due_s.pop(key, None)
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._append(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Let `key` be worked on in `delay_s` seconds; the earliest of several delays counts."""
        if delay_s <= 0:
            self.add(key)
            return
        due_s = self._clock.monotonic_s() + delay_s
        if key in self._waiting or self._due_s.get(key, float("inf")) <= due_s:
            return
        self._due_s[key] = due_s
        self._entries += 1
        heapq.heappush(self._timetable, (due_s, self._entries, key))
        self._set_alarm()

    def retry(self, key: K) -> float:
        """Let `key` be worked on after its back-off, which then doubles; the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay_s = min(self._backoff_s * 2.0 ** min(failures, 40), self._backoff_max_s)
        self.add_after(key, delay_s)
        return delay_s

    def succeed(self, key: K) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key, waiting for one if need be; call `done` when its work is finished."""
        while not self._order:
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake_one()
                raise
        key = self._order.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        """The work on `key` is finished; it waits again if it was added meanwhile."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self._append(key)

    def close(self) -> None:
        """Stop the clockwork of the delayed keys."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _append(self, key: K) -> None:
        if len(self._order) >= self._bound:
            self.overflowed = True
            return
        self._waiting.add(key)
        self._order.append(key)
        self._wake_one()

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _set_alarm(self) -> None:
        """Be woken when the earliest delayed key is due."""
        if self._alarm is not None:
            self._alarm.cancel()
        delay_s = max(0.0, self._timetable[0][0] - self._clock.monotonic_s())
        self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now_s = self._clock.monotonic_s()
        while self._timetable and self._timetable[0][0] <= now_s:
            due_s, _, key = heapq.heappop(self._timetable)
            if self._due_s.get(key) == due_s:
                self.add(key)
        if self._timetable:
            self._set_alarm()
