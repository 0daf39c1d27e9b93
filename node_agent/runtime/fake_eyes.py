"""What people see of the fake driver's programs: a line that stays silent until the end, and one process each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from node_agent.runtime.abilities import Missed, Printed, ProcessState
from node_agent.runtime.port import ContainerState, RuntimeUnavailable


class FakeAttachment:
    """A line to a fake program, which prints nothing and reads nothing."""

    def __init__(self, ended: asyncio.Event, state: Callable[[], ContainerState], left: Callable[[], None]) -> None:
        self._ended = ended
        self._state = state
        self._left = left
        self._closed = asyncio.Event()

    async def heard(self) -> AsyncIterator[Printed | Missed | ContainerState]:
        """See the port."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._ended, self._closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if self._closed.is_set():
            raise RuntimeUnavailable("the line was closed")
        yield self._state()

    async def write(self, data: bytes) -> None:
        """See the port."""

    async def end_input(self) -> None:
        """See the port."""
        self._left()

    async def resize(self, columns: int, rows: int) -> None:
        """See the port."""

    async def close(self) -> None:
        """See the port."""
        self._closed.set()
        self._left()


def process_of(state: ContainerState, command: tuple[str, ...], cpu_s: float, memory_bytes: int) -> ProcessState:
    """The only process of a fake container."""
    return ProcessState(
        pid=state.pid or 0, parent_pid=1, user="fake", state="S", cpu_s=cpu_s, started_at_s=state.started_at_s,
        memory_bytes=memory_bytes, threads=1, command=command,
    )  # fmt: skip
