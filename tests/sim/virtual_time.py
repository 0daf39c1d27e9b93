"""An event loop whose time is virtual: when all wait, it jumps to the next deadline.

Two runs that make the same calls are the same run. Three things in asyncio would spoil that, and are replaced:

- time is a number, moved by the loop alone;
- tasks and futures are hashed by a serial number instead of their address, because sets of them are iterated;
- work for threads (`asyncio.to_thread`) is done at once, in place.

There are no sockets, so a turn of the loop asks no selector for any; the rest of it is asyncio's own.

(The library `looptime` was considered: it keeps threads and sockets alive by waiting in real time, which this must
not, and leaves sets to the addresses.)
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

STEP_S = 1e-9
"""Added to every jump, so that rounding never leaves the loop just short of a deadline."""

TIMERS_MIN = 100
"""Among fewer, those that were cancelled are in nobody's way."""


class Deadlock(RuntimeError):
    """Everything waits for something that nothing will ever do."""


class NumberedFuture(asyncio.Future[Any]):
    """A future whose place in a set does not depend on its address."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop):
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on its address."""

    def __init__(self, number: int, work: Any, loop: asyncio.AbstractEventLoop, name: Any, context: Context | None):
        self._number = number
        super().__init__(work, loop=loop, name=name or f"task-{number}", context=context)

    def __hash__(self) -> int:
        return self._number


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """The loop. Its time begins at zero."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._numbers = itertools.count(1)
        self._timers: list[tuple[float, asyncio.TimerHandle]] = []
        self._cancelled_timers = 0

    def time(self) -> float:
        """Seconds of virtual time since the start."""
        return self._now_s

    @property
    def timers(self) -> int:
        """How many timers are kept."""
        return len(self._timers)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        """Run it then."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        timer._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, (when, timer))
        return timer

    def fire(self, timer: asyncio.TimerHandle) -> None:
        """A timer is due."""
        timer._run()

    def _run_once(self) -> None:
        """One turn: what is ready, and the timers that are due; when there is neither, time jumps to the next timer."""
        if self._cancelled_timers:
            self._forget_cancelled()
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._jump()
        due = self._take_due()
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
        for timer in due:
            if not timer._cancelled:
                self.fire(timer)

    def _jump(self) -> None:
        if not self._timers:
            raise Deadlock(f"at {self._now_s:.3f} s everything waits, and no deadline is set")
        delay_s = self._timers[0][0] - self._now_s
        if delay_s > 0:
            self._now_s += delay_s + STEP_S

    def _take_due(self) -> list[asyncio.TimerHandle]:
        due: list[asyncio.TimerHandle] = []
        while self._timers and self._timers[0][0] < self._now_s + STEP_S:
            timer = heapq.heappop(self._timers)[1]
            timer._scheduled = False  # type: ignore[attr-defined]
            due.append(timer)
        return due

    def _forget_cancelled(self) -> None:
        """Those at the head at once, the others when there are more of them than of those that wait."""
        timers = self._timers
        if len(timers) > TIMERS_MIN and self._cancelled_timers > len(timers) / 2:
            self._timers = [entry for entry in timers if not entry[1]._cancelled]
            heapq.heapify(self._timers)
            self._cancelled_timers = 0
        while self._timers and self._timers[0][1]._cancelled:
            heapq.heappop(self._timers)
            self._cancelled_timers -= 1

    def _timer_handle_cancelled(self, timer: asyncio.TimerHandle) -> None:
        """Told by a timer that is being cancelled."""
        self._cancelled_timers += timer._scheduled  # type: ignore[attr-defined]

    def _write_to_self(self) -> None:
        """Where other loops are woken by a thread; here there is none."""

    def create_future(self) -> asyncio.Future[Any]:
        """A future with a serial number."""
        return NumberedFuture(next(self._numbers), self)

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """A task with a serial number."""
        return NumberedTask(next(self._numbers), coro, self, name, context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do it now: to the simulated programs it took no time."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future
