"""Programs within one event loop that can be killed, frozen and thawed from outside, as processes can.

A program is a context: every task and timer that is made while it runs belongs to it, and so does what those make. The
loop looks at the owner of whatever it is about to run. What belongs to a killed program never runs again, not even its
`finally` blocks, as after SIGKILL; what belongs to a frozen one is kept back, in order, until it is thawed, as after
SIGSTOP and SIGCONT.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from tests.sim.virtual_time import VirtualTimeLoop

OWNER: contextvars.ContextVar[Program | None] = contextvars.ContextVar("OWNER", default=None)


class Program:
    """One life of one program. `died` is called when its main coroutine ends by itself."""

    def __init__(self, name: str, died: Callable[[Program, BaseException | None], None] | None = None):
        self.name = name
        self.killed = False
        self.frozen = False
        self.context = contextvars.Context()
        self.context.run(OWNER.set, self)
        self._died = died
        self._kept_back: deque[Callable[[], object]] = deque()

    def start(self, main: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin to run."""
        task = asyncio.get_running_loop().create_task(main, name=self.name, context=self.context)
        task.add_done_callback(self._ended, context=self.context)
        return task

    def run(self, callback: Callable[..., object], *args: object) -> None:
        """Let something from outside (a message, a signal) reach the program: now, once it is thawed, or never."""
        if self.killed:
            return
        if self.frozen:
            self.keep_back(lambda: self.context.copy().run(callback, *args))
        else:
            self.context.copy().run(callback, *args)

    def kill(self) -> None:
        """SIGKILL."""
        self.killed = True
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ProgramLoop)
        loop.bury(self)

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: what happened meanwhile arrives now, in order."""
        self.frozen = False
        while self._kept_back and not self.frozen and not self.killed:
            self._kept_back.popleft()()

    def keep_back(self, callback: Callable[[], object]) -> None:
        """Called by the loop: to be run once the program is thawed, or after the simulation if it was killed."""
        self._kept_back.append(callback)

    def release(self) -> None:
        """After the simulation: let everything that was kept back run, so that it can end."""
        while self._kept_back:
            self._kept_back.popleft()()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if self._died is not None and not self.killed and not task.cancelled():
            self._died(self, task.exception())


class ProgramLoop(VirtualTimeLoop):
    """The loop that knows programs."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False
        self._buried: list[tuple[Program, list[asyncio.Task[Any]]]] = []

    def bury(self, program: Program) -> None:
        """Hold on to a killed program's tasks: collecting one that is pending would run its `finally` blocks."""
        tasks = asyncio.all_tasks(self)
        self._buried.append((program, [task for task in tasks if getattr(task, "owner", None) is program]))

    def close_programs(self) -> None:
        """After the simulation: from now on everything runs, killed or not."""
        self.closing = True
        for program, _ in self._buried:
            program.release()

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Run it next, unless its program is killed or frozen."""
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner is None or self.closing or not (owner.killed or owner.frozen):
            # As the base class, which looks for mistakes first: this is called ten thousands of times in a run.
            handle = asyncio.Handle(callback, args, self, context)
            self._ready.append(handle)  # type: ignore[attr-defined]
            return handle
        handle = asyncio.Handle(callback, args, self, context or contextvars.copy_context())
        owner.keep_back(lambda: self._again(handle))
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        """Run it then, unless its program is killed or frozen at that time."""
        context = context if context is not None else contextvars.copy_context()
        if context.get(OWNER) is None:
            return super().call_at(when, callback, *args, context=context)
        handle = super().call_at(when, self._due, context=contextvars.Context())
        handle._args = (handle, callback, args, context)  # type: ignore[attr-defined]
        return handle

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        """A task that belongs to the program that makes it."""
        task = super().create_task(coro, name=name, context=context)
        task.owner = OWNER.get() if context is None else context.get(OWNER)  # type: ignore[attr-defined]
        return task

    def _due(self, timer: asyncio.TimerHandle, callback: Any, args: Any, context: Context) -> None:
        self.call_soon(self._unless_cancelled, timer, callback, args, context=context)

    def _unless_cancelled(self, timer: asyncio.TimerHandle, callback: Any, args: Any) -> None:
        """A timer may still be cancelled after it was due, by what runs before it or while its program is frozen."""
        if not timer.cancelled():
            callback(*args)

    def _again(self, handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            self.call_soon(handle._callback, *handle._args, context=handle._context)  # type: ignore[attr-defined]


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a simulation in a loop of its own, and clear away what its killed programs left."""
    loop = ProgramLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        _clear_away(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _clear_away(loop: ProgramLoop) -> None:
    """Cancel every task until none is left; errors of the dying interest nobody any more."""
    loop.set_exception_handler(lambda _loop, _context: None)
    loop.close_programs()
    for _ in range(20):
        left = sorted((task for task in asyncio.all_tasks(loop) if not task.done()), key=hash)
        if not left:
            break
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.wait(left, timeout=60))
    loop.run_until_complete(loop.shutdown_asyncgens())
