"""When a pod is to be looked at though nothing happens: one alarm each, of which the last that was set counts."""

from __future__ import annotations

import math
from collections.abc import Callable

from node_agent.background import Background
from node_agent.timetable import Timetable
from proto.clock import Clock


class Alarms:
    """`wake` is called with the uid of a pod whose time has come."""

    def __init__(self, background: Background, clock: Clock, wake: Callable[[str], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._table: Timetable[str] = Timetable(clock, background, "alarms of pods", self._look)
        self._set: dict[str, float] = {}
        self._looked_at: dict[str, float] = {}
        """When each is looked at next. An alarm that is put off is found so then, and needs no other entry now."""

    def set(self, uid: str, wait_s: float | None) -> None:
        """Wake the pod after `wait_s` seconds, instead of when it was to be woken before; None: not at all."""
        if wait_s is None:
            self._set.pop(uid, None)
            return
        at_s = self._clock.monotonic_s() + max(wait_s, 0.0)
        self._set[uid] = at_s
        self._look_at(uid, at_s)

    def _look_at(self, uid: str, at_s: float) -> None:
        if at_s < self._looked_at.get(uid, math.inf):
            self._looked_at[uid] = at_s
            self._table.add(at_s, uid)

    def _look(self, uid: str) -> None:
        self._looked_at.pop(uid, None)
        at_s = self._set.get(uid, math.inf)
        if at_s <= self._clock.monotonic_s():
            del self._set[uid]
            self._wake(uid)
        elif at_s < math.inf:
            self._look_at(uid, at_s)
