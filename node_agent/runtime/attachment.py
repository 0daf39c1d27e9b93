"""The process driver's line to a container's program: the supervisor's frames, on a connection of their own.

At most a buffer of frames is kept; whoever reads slowly lets the supervisor leave something out, and learns how much.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from node_agent.runtime.abilities import Missed, Printed
from node_agent.runtime.port import ContainerState, RuntimeUnavailable
from node_agent.runtime.translation import failure_of, state_of
from node_agent.supervisor.client import SupervisorRefused, open_line
from node_agent.supervisor.frames import (
    END,
    ENDED,
    FRAME_BYTES_MAX,
    HEADER,
    MISSED,
    MISSED_BYTES,
    RESIZED,
    SIZE,
    STDERR,
    STDIN,
    STDOUT,
    frame,
)

_BUFFER_BYTES = 64 * 1024
_NAMES: dict[int, Literal["stdout", "stderr"]] = {STDOUT: "stdout", STDERR: "stderr"}


class ProcessAttachment:
    """See `abilities.Attachment`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(_BUFFER_BYTES)

    @classmethod
    async def open(cls, socket_path: Path, container_id: str, within_s: float, *, stdin: bool) -> ProcessAttachment:
        """Asks the supervisor for it.

        Raises:
            RuntimeFailure: As `Attaches` says.
        """
        request = json.dumps({"id": 1, "op": "attach", "container": container_id, "stdin": stdin})
        try:
            async with asyncio.timeout(within_s):
                reader, writer = await open_line(socket_path, _BUFFER_BYTES)
                writer.write(request.encode() + b"\n")
                answer = json.loads(await reader.readline() or b"null")
        except (OSError, TimeoutError) as problem:
            raise RuntimeUnavailable(f"the supervisor does not answer: {problem}") from problem
        if answer is None or "error" in answer:
            writer.close()
        if answer is None:
            raise RuntimeUnavailable("the supervisor went away")
        if "error" in answer:
            error = answer["error"]
            raise failure_of(SupervisorRefused(error["kind"], error.get("errno"), error["message"]))
        return cls(reader, writer)

    async def heard(self) -> AsyncIterator[Printed | Missed | ContainerState]:
        """See the port."""
        while True:
            try:
                channel, length = HEADER.unpack(await self._reader.readexactly(HEADER.size))
                content = await self._reader.readexactly(length)
            except (OSError, asyncio.IncompleteReadError):
                raise RuntimeUnavailable(
                    "the supervisor that held the line has ended; the program may go on, attach to it again"
                ) from None
            if channel in _NAMES:
                yield Printed(_NAMES[channel], content)
            elif channel == MISSED:
                yield Missed(*MISSED_BYTES.unpack(content))
            elif channel == ENDED:
                yield state_of(json.loads(content))
                return

    async def write(self, data: bytes) -> None:
        """See the port."""
        for begin in range(0, len(data), FRAME_BYTES_MAX):
            await self._say(STDIN, data[begin : begin + FRAME_BYTES_MAX])

    async def end_input(self) -> None:
        """See the port."""
        await self._say(END, b"")

    async def resize(self, columns: int, rows: int) -> None:
        """See the port."""
        if 0 < columns < 1 << 16 and 0 < rows < 1 << 16:
            await self._say(RESIZED, SIZE.pack(columns, rows))

    async def close(self) -> None:
        """See the port."""
        self._writer.transport.abort()

    async def _say(self, channel: int, content: bytes) -> None:
        """Sends a frame. A line that broke is told by `heard`."""
        if self._writer.is_closing():
            return
        self._writer.write(frame(channel, content))
        try:
            await self._writer.drain()
        except OSError:
            return
