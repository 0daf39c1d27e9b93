"""Ending tasks for certain.

`asyncio.wait_for` of Python 3.11, which nats-py uses, may swallow a cancellation that meets its result or its error: a
task that loops then goes on, and whoever waits for its end waits for ever. So a task that does not end is cancelled
again; and where the call is ours, what was swallowed is raised after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

CANCEL_AGAIN_S = 0.2


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel all of them and wait until they have ended, each as it will, and until those who hear of that have heard.

    Tasks that have ended are waited for as well: their callbacks may still be to come, and whoever asks again until
    they have been called would ask for ever, and never let them be called, if this returned at once.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)


@contextmanager
def kept_cancellation() -> Iterator[None]:
    """A block after which the running task ends if it was asked to within, whatever the block came to."""
    before = _cancellations()
    try:
        yield
    finally:
        if _cancellations() > before:
            raise asyncio.CancelledError


def _cancellations() -> int:
    """How often the running task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0
