"""Links of the network in memory: what travels on one arrives in order, late, or never.

Never here: who talks to whom (see `proto.bus.memory`), real time, and chance that is not drawn from `Ids`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from proto.ids import Ids


@dataclass(slots=True)
class Link:
    """What connects one name to the network. `loss` is the share of messages that vanish, in each direction,
    and `duplication` the share of those that arrive twice."""

    latency_s: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    silent: bool = False
    broken: bool = False


@dataclass(slots=True)
class Pipe:
    """One direction of a link: hands on in the order of sending, after the link's latency.

    (Timers of asyncio with an equal deadline fire in no particular order, hence a queue of our own.)
    """

    link: Link
    ids: Ids
    waiting: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    scheduled: bool = False

    def send(self, arrive: Callable[[], None]) -> None:
        """Let `arrive` be called later, never now; or never, if the link loses it."""
        if self.link.silent or self.link.broken or self._loses():
            return
        due_s = asyncio.get_running_loop().time() + self.link.latency_s
        due_s = max(due_s, self.waiting[-1][0] if self.waiting else due_s)
        self.waiting.extend([(due_s, arrive)] * (2 if self._repeats() else 1))
        self._schedule()

    def _repeats(self) -> bool:
        return self.link.duplication > 0 and self.ids.uniform(0, 1) < self.link.duplication

    def _loses(self) -> bool:
        return self.link.loss > 0 and self.ids.uniform(0, 1) < self.link.loss

    def _schedule(self) -> None:
        if self.scheduled or not self.waiting:
            return
        self.scheduled = True
        loop = asyncio.get_running_loop()
        due_s = self.waiting[0][0]
        if due_s <= loop.time():
            loop.call_soon(self._drain)
        else:
            loop.call_at(due_s, self._drain)

    def _drain(self) -> None:
        self.scheduled = False
        now_s = asyncio.get_running_loop().time()
        for _ in range(len(self.waiting)):
            if self.waiting[0][0] > now_s:
                break
            _, arrive = self.waiting.popleft()
            if not self.link.silent and not self.link.broken:
                arrive()
        self._schedule()
