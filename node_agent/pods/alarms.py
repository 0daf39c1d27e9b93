"""When a pod is to be looked at though nothing happens: one alarm each, of which the last that was set counts."""

from __future__ import annotations

from collections.abc import Callable

from node_agent.background import Background
from node_agent.pods.work import PodWork
from proto.clock import Clock


class Alarms:
    """`wake` is called with the uid of a pod whose time has come."""

    def __init__(self, background: Background, clock: Clock, wake: Callable[[str], None]) -> None:
        self._background = background
        self._clock = clock
        self._wake = wake

    def set(self, work: PodWork, wait_s: float | None) -> None:
        """Wake the pod after `wait_s` seconds, instead of when it was to be woken before; None: not at all."""
        if work.alarm is not None:
            work.alarm.cancel()
            work.alarm = None
        if wait_s is not None:
            work.alarm = self._background.spawn(self._ring(work.uid, wait_s), f"alarm of {work.uid}")

    async def _ring(self, uid: str, wait_s: float) -> None:
        await self._clock.sleep(max(wait_s, 0.0))
        self._wake(uid)
