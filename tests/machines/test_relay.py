"""The door on loopback: passes everything on, closes with its block."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from setpoint.local.errors import LocalError
from setpoint.local.relay import loopback_door


@pytest.fixture
async def echo_url() -> AsyncIterator[str]:
    """A server that is not at 127.0.0.1 and sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.2", 0) as server:
        yield f"nats://127.0.0.2:{server.sockets[0].getsockname()[1]}"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_a_server_on_loopback_needs_no_door() -> None:
    async with loopback_door("nats://127.0.0.1:4222", 4222) as url:
        assert url == "nats://127.0.0.1:4222"


async def test_large_messages_pass_both_ways(echo_url: str) -> None:
    message = bytes(range(256)) * 16 * 1024
    async with loopback_door(echo_url, 0) as url:
        assert port_of(url) == port_of(echo_url)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
        writer.write(message)
        assert await asyncio.wait_for(reader.readexactly(len(message)), 10) == message
        writer.close()
        await writer.wait_closed()


async def test_visitors_are_shown_out_when_the_door_closes(echo_url: str) -> None:
    async with loopback_door(echo_url, 0) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await writer.wait_closed()


async def test_a_port_in_use_is_named_if_it_was_asked_for(echo_url: str) -> None:
    with socket.create_server(("127.0.0.1", port_of(echo_url))):
        with pytest.raises(LocalError, match=r"Address already in use; choose another port"):
            async with loopback_door(echo_url, port_of(echo_url)):
                pass
        async with loopback_door(echo_url, 0) as url:
            assert port_of(url) != port_of(echo_url)
