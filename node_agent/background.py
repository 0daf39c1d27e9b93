"""Tasks that belong to an agent: all are cancelled when it stops, and none dies unseen.

An exception that leaves a task is a fault of ours. It ends the agent (its service manager starts a new one, which
adopts the workloads) instead of leaving it half alive.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from proto.cancelling import cancelled

log = logging.getLogger(__name__)


class Background:
    """The tasks of one agent. Failures of the `foreseen` kinds are not logged: whoever waits for them tells of them."""

    def __init__(self, foreseen: tuple[type[Exception], ...] = ()) -> None:
        self._foreseen = foreseen
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failure: asyncio.Future[None] | None = None
        self._closed = False

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` until it ends or the agent stops."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        if self._closed:
            task.cancel()
        return task

    async def failure(self) -> None:
        """Wait for the first task that fails, and raise what it raised."""
        if self._failure is None:
            self._failure = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._failure)

    async def close(self) -> None:
        """Cancel everything and wait until it has ended."""
        self._closed = True
        while self._tasks:
            tasks = tuple(self._tasks)
            await cancelled(tasks)
            self._tasks.difference_update(tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if self._failure is None:
            self._failure = task.get_loop().create_future()
        if not self._failure.done():
            self._failure.set_exception(error)
            self._failure.exception()
        if not isinstance(error, self._foreseen):
            log.error("task_failed task=%s error=%r", task.get_name(), error, exc_info=error)
