"""Tests in virtual time: a coroutine runs, or becomes a test, on a clock that jumps when all wait."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.sim.virtual_time import VirtualTimeLoop

T = TypeVar("T")
Test = Callable[..., Coroutine[Any, Any, None]]


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a loop of its own, whose time is virtual: hours pass in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def in_virtual_time(test: Test) -> Callable[..., None]:
    """Run the test on a loop of its own, whose time is virtual."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_virtual(test(*arguments, **named))

    return run
