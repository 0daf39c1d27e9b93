"""Waiting for a condition with a deadline: what tests use instead of sleeping."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def shell_waits_for(word: Path) -> str:
    """What a program's shell does until the test makes that file."""
    return f"until [ -e {word} ]; do sleep 0.02; done"


async def eventually(
    check: Callable[[], T | Awaitable[T]], *, within_s: float = 10.0, every_s: float = 0.02, what: str = ""
) -> T:
    """Call `check` until it returns something true without raising `AssertionError`; the value it returned.

    Raises:
        AssertionError: not within `within_s`; tells the last value or the last failed assertion.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    last: object = None
    while True:
        try:
            outcome = check()
            value = await outcome if inspect.isawaitable(outcome) else outcome
            if value:
                return value  # type: ignore[return-value]
            last = value
        except AssertionError as failure:
            last = failure
        if loop.time() >= deadline:
            raise AssertionError(f"not within {within_s} s: {what or check!r}; last: {last!r}")
        await asyncio.sleep(every_s)
