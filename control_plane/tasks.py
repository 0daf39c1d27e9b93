"""Eternal tasks: each one is watched, and one that ends takes the program with it.

A control loop that died silently is worse than a process that died loudly: the process is started again within a
second (by systemd, by `setpoint up`) and another replica leads meanwhile. So nothing here restarts a task; a death is
logged once and told to whoever composed the program.

*Never*: swallow an error of an eternal task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from proto.cancelling import cancelled

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, Any]


class Tasks:
    """The tasks of one life: of the program, or of one term of leadership. `stop` ends them all.

    `on_death(name)` is called once for each eternal task that ended by itself.
    """

    def __init__(self, on_death: Callable[[str], None]):
        self._on_death = on_death
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._stopping = False

    def spawn(self, name: str, work: Work) -> None:
        """Run `work`, which must never end by itself."""
        self._start(name, work).add_done_callback(self._eternal_ended)

    def once(self, name: str, work: Work) -> None:
        """Run `work`, which ends; an error in it is a fault of ours, logged with its trace, and goes no further."""
        self._start(name, work).add_done_callback(self._passing_ended)

    async def stop(self) -> None:
        """Cancel all and wait until they have ended."""
        self._stopping = True
        while self._tasks:
            await cancelled(tuple(self._tasks))

    def _start(self, name: str, work: Work) -> asyncio.Task[Any]:
        if self._stopping:
            work.close()
            raise RuntimeError(f"task {name} was started after the end of its life")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = None
        return task

    def _eternal_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if self._stopping or task.cancelled():
            return
        error = task.exception()
        log.critical("eternal task ended task=%s error=%r", task.get_name(), error, exc_info=error)
        self._on_death(task.get_name())

    def _passing_ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("task failed task=%s error=%r", task.get_name(), error, exc_info=error)
