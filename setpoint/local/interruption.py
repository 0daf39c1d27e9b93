"""Runs a command's main coroutine so that Ctrl-C, a closed terminal or `kill` end it in order.

The first signal cancels the coroutine, whose `async with` blocks then clean up; further ones only say that this is
happening, because a clean-up that is cut short is what leaves processes and links behind.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_interruptible(main: Coroutine[Any, Any, int]) -> int:
    """Run `main` and return its exit status, or 128 + the number of the signal that ended it."""
    return asyncio.run(_guard(main))


async def _guard(main: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(main)
    received: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        if received:
            print("still cleaning up", file=sys.stderr)
        received.append(number)
        if len(received) == 1:
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
