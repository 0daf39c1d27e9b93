"""Ending tasks for certain.

`asyncio.wait_for` of Python 3.11 may swallow a cancellation that meets its result: a task that loops then goes on, and
whoever waits for its end waits for ever. So a task that does not end is cancelled again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

CANCEL_AGAIN_S = 0.2


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel all of them and wait until they have ended, each as it will."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
