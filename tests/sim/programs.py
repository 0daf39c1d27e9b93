"""Programs within one event loop that can be killed, frozen and thawed from outside, as processes can.

A program is a context: every task and timer that is made while it runs belongs to it, and so does what those make. The
loop looks at the owner of whatever it is about to run. What belongs to a killed program never runs again, not even its
`finally` blocks, as after SIGKILL; what belongs to a frozen one is kept back, in order, until it is thawed, as after
SIGSTOP and SIGCONT.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
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
        handle = asyncio.Handle(callback, args, self, context)
        self._admit(handle)
        return handle

    def fire(self, timer: asyncio.TimerHandle) -> None:
        """A timer is due: if it is a program's it runs next, unless the program is killed or frozen by now."""
        if timer._context.get(OWNER) is None:  # type: ignore[attr-defined]
            timer._run()
        else:
            self._admit(timer)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        """A task that belongs to the program that makes it."""
        task = super().create_task(coro, name=name, context=context)
        task.owner = OWNER.get() if context is None else context.get(OWNER)  # type: ignore[attr-defined]
        return task

    def _admit(self, handle: asyncio.Handle) -> None:
        """Let it run next; or, if its program is frozen or killed, once that is thawed or never."""
        owner = handle._context.get(OWNER)  # type: ignore[attr-defined]
        if owner is None or self.closing or not (owner.killed or owner.frozen):
            self._ready.append(handle)  # type: ignore[attr-defined]
        else:
            owner.keep_back(lambda: self._admit(handle))


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a simulation in a loop of its own, and clear away what its killed programs left.

    The garbage collector rests meanwhile: when it comes by depends on what the process did before, and it would end
    generators that wait for ever. What a run leaves in cycles is collected after it.
    """
    loop, collects = ProgramLoop(), gc.isenabled()
    gc.disable()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        _clear_away(loop)
        asyncio.set_event_loop(None)
        loop.close()
        if collects:
            gc.enable()


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
