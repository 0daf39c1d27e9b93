"""The tasks of an agent end when it does, also those that take one cancellation for nothing."""

from __future__ import annotations

import asyncio

from node_agent.background import Background


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    background = Background()
    task = background.spawn(stubborn(), "stubborn")
    await asyncio.sleep(0)
    await asyncio.wait_for(background.close(), 5)
    assert task.cancelled() and swallowed == 2
