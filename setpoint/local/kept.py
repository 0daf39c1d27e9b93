"""A program that is started again when it dies without having been asked to, as systemd does it.

Reads: the program's exit. Writes: nothing; what happens is told to `report`, a line for people each.
Never: gives up. A program that keeps dying is tried again every few seconds, and each time says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from proto.clock import Clock, SystemClock
from setpoint.local.errors import LocalError
from setpoint.local.process_tree import Program

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
HEALTHY_AFTER_S = 10.0
"""A program that lived this long starts over with the first back-off when it dies."""

Launch = Callable[[], Awaitable[Program]]
Report = Callable[[str], None]

_log = logging.getLogger(__name__)


def log_only(line: str) -> None:
    """The `Report` of those who show nothing."""
    _log.info(line)


class KeptProgram:
    """Keeps what `launch` starts running until `stop` or `forsake`.

    `restarts` counts how often it had to be started again.
    """

    def __init__(self, name: str, launch: Launch, report: Report = log_only, clock: Clock | None = None):
        self.name = name
        self.restarts = 0
        self._launch = launch
        self._report = report
        self._clock = clock or SystemClock()
        self._program: Program | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def program(self) -> Program:
        """The running program, or the last one that ran."""
        assert self._program is not None, f"{self.name} was never started"
        return self._program

    async def start(self) -> None:
        """Start it for the first time, or again after `stop`.

        Raises:
            LocalError: it cannot be started; only later starts are tried again by themselves.
        """
        self._program = await self._launch()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.name}")

    async def stop(self, grace_s: float) -> None:
        """End it (SIGTERM, after `grace_s` SIGKILL) and leave it so; safe to repeat."""
        await self.forsake()
        if self._program is not None:
            await self._program.stop(grace_s)

    async def forsake(self) -> None:
        """Leave it running or dead as it is, and start it no more."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _keep(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        while True:
            started_s = self._clock.monotonic_s()
            status = await self.program.wait()
            if self._clock.monotonic_s() - started_s >= HEALTHY_AFTER_S:
                backoff_s = BACKOFF_FIRST_S
            self._report(f"{self.name} ended with status {status}; starting it again in {backoff_s:g} s")
            await self._clock.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, BACKOFF_MAX_S)
            await self._start_again()

    async def _start_again(self) -> None:
        try:
            self._program = await self._launch()
            self.restarts += 1
        except LocalError as error:
            self._report(f"{self.name} does not start: {error}")
