"""Connections through the bus to a program in a pod: many, large, half closed, and refused."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
import pytest_asyncio

from setpoint.cli.errors import CliError
from setpoint.cli.port_forward import Forwarding, forwarding
from tests.streams.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

PORTS = [{"name": "http", "containerPort": 0}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]
POD = {
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "a", "ports": PORTS}]},
    "status": {"containerStatuses": [{"name": "a", "ports": [{"name": "http", "containerPort": 20123}]}]},
}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        pytest.param("8080", Forwarding(8080, 8080), id="same"),
        pytest.param("9000:8080", Forwarding(9000, 8080), id="other"),
        pytest.param(":8080", Forwarding(0, 8080), id="free"),
        pytest.param("http", Forwarding(20123, 20123), id="name"),
        pytest.param("1:http", Forwarding(1, 20123), id="name elsewhere"),
    ],
)
async def test_what_is_forwarded(word: str, expected: Forwarding) -> None:
    assert forwarding(word, POD) == expected


@pytest.mark.parametrize("word", ["x:80", "70000", "1:2:3", "0", "80:", ":0", "-80", "80/udp", "", "٣"])
async def test_what_is_no_port_is_refused(word: str) -> None:
    with pytest.raises(CliError, match="is not of the form"):
        forwarding(word, POD)


async def test_a_port_that_the_pod_has_not_or_not_of_tcp_is_refused() -> None:
    with pytest.raises(CliError, match='pod p has no port named "grpc"'):
        forwarding("grpc", POD)
    with pytest.raises(CliError, match="only TCP is forwarded, and port dns of pod p is of another protocol"):
        forwarding("1053:dns", POD)


@pytest_asyncio.fixture(loop_scope="session")
async def port(stage: Stage) -> AsyncIterator[int]:
    """A local port that leads to a program which says what it heard once it has heard the end, then ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digest, size = sha256(), 0
        while data := await reader.read(1 << 16):
            digest.update(data)
            size += len(data)
        writer.write(f"{size} {digest.hexdigest()}".encode())
        writer.write(b"x" * size)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        remote = server.sockets[0].getsockname()[1]
        call = await stage.call.start("port-forward", "pod/web", f":{remote}")
        assert call.stdout is not None
        line = (await asyncio.wait_for(call.stdout.readline(), 10)).decode()
        found = re.fullmatch(rf"Forwarding from 127\.0\.0\.1:(\d+) -> {remote}\n", line)
        assert found, line
        yield int(found[1])
        call.terminate()
        await call.communicate()


async def say(port: int, data: bytes) -> bytes:
    """Say all, end that direction, and hear the answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def speak() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    speaking = asyncio.create_task(speak())
    heard = await reader.read()
    await speaking
    writer.close()
    return heard


async def test_much_goes_both_ways_and_each_may_end_first(port: int) -> None:
    sent = os.urandom(1 << 20) * 20
    heard = await asyncio.wait_for(say(port, sent), 60)
    assert heard[: len(heard) - len(sent)].decode() == f"{len(sent)} {sha256(sent).hexdigest()}"


async def test_a_program_may_end_first(stage: Stage) -> None:
    """A client that only listens hears the end, as from any server that closes."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        call = await stage.call.start("port-forward", "web", f":{server.sockets[0].getsockname()[1]}")
        assert call.stdout is not None
        line = (await call.stdout.readline()).decode()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(line.split(":")[1].split()[0]))
        assert await asyncio.wait_for(reader.read(), 10) == b"hello"
        writer.close()
        call.terminate()
        await call.communicate()


async def test_fifty_connections_at_once(port: int) -> None:
    words = [os.urandom(20_000 + number) for number in range(50)]
    heard = await asyncio.gather(*(say(port, each) for each in words))
    for each, answer in zip(words, heard, strict=True):
        assert answer.startswith(f"{len(each)} {sha256(each).hexdigest()}".encode())


async def test_a_port_where_nobody_listens_closes_the_connection_and_says_why(stage: Stage) -> None:
    call = await stage.call.start("port-forward", "web", ":1")
    assert call.stdout is not None and call.stderr is not None
    line = (await call.stdout.readline()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(line.split(":")[1].split()[0]))
    with pytest.raises(ConnectionResetError):
        assert await reader.read() == b""
        raise ConnectionResetError
    writer.close()
    assert b"nothing of pod web can be reached on port 1" in await asyncio.wait_for(call.stderr.readline(), 10)
    call.terminate()
    await call.communicate()


async def test_where_nobody_can_listen_is_said(stage: Stage) -> None:
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as server:
        taken = server.sockets[0].getsockname()[1]
        refused = await stage.call("port-forward", "web", f"{taken}:80", ok=False)
        assert f"cannot listen on 127.0.0.1:{taken}: Address already in use" in refused.err
    refused = await stage.call("port-forward", "web", ":80", "--address", "localhost,", ok=False)
    assert '--address: must be addresses with commas between them, found "localhost,"' in refused.err
