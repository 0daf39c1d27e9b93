"""A coroutine that does what `asyncio.wait_for` of Python 3.11 may do to its caller."""

from __future__ import annotations

import asyncio


async def losing_one_cancellation() -> None:
    """Goes on after the first cancellation, and ends with the second."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)
