"""An event loop whose time is virtual: when all wait, it jumps to the next deadline.

Two runs that make the same calls are the same run. Three things in asyncio would spoil that, and are replaced:

- time is a number, moved by the loop alone;
- tasks and futures are hashed by a serial number instead of their address, because sets of them are iterated;
- work for threads (`asyncio.to_thread`) is done at once, in place.

(The library `looptime` was considered: it keeps threads and sockets alive by waiting in real time, which this must
not, and leaves sets to the addresses.)
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any

STEP_S = 1e-9
"""Added to every jump, so that rounding never leaves the loop just short of a deadline."""


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


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: where a selector would sleep, time jumps instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock(f"at {self.now_s:.3f} s everything waits, and no deadline is set")
        if timeout > 0:
            self.now_s += timeout + STEP_S
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The loop. Its time begins at zero."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._numbers = itertools.count(1)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of virtual time since the start."""
        return self._jumping.now_s

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
