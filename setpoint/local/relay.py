"""A door on loopback to the NATS server of a cluster whose machines have a network of their own.

The server listens where its machines see it, on the bridge. People, and the tools they know, look for it at
127.0.0.1; this passes their connections on, byte by byte. Machines do not come this way.

Reads and writes: sockets. Never: looks at what it passes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from setpoint.local.errors import LocalError
from setpoint.local.groups import LOOPBACK

_CHUNK_BYTES = 64 * 1024


@asynccontextmanager
async def loopback_door(url: str, port: int) -> AsyncIterator[str]:
    """The URL on loopback, at `port` (0: the server's own number if it is free, else any), that leads to `url`.

    Raises:
        LocalError: `port` is in use.
    """
    host, _, number = url.removeprefix("nats://").rpartition(":")
    if host == LOOPBACK:
        yield url
        return
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _join(reader, writer, host, int(number))
        except asyncio.CancelledError:
            pass  # The door closes.
        finally:
            connections.discard(task)

    try:
        server = await asyncio.start_server(serve, LOOPBACK, port or int(number))
    except OSError as error:
        if port:
            where = f"{LOOPBACK}:{port}"
            reason = os.strerror(error.errno or 0)
            raise LocalError(f"cannot listen on {where}: {reason}; choose another port") from error
        server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield f"nats://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Connect a visitor with the server until either side ends."""
    try:
        server_reader, server_writer = await asyncio.open_connection(host, port)
    except OSError:
        writer.close()
        return
    ways = (
        asyncio.create_task(_pass_on(reader, server_writer)),
        asyncio.create_task(_pass_on(server_reader, writer)),
    )
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in (writer, server_writer):
            end.close()
            with suppress(OSError):
                await end.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
