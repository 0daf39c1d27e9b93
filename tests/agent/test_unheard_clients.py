"""A client that can still hear, but is heard no more: what it began ends, and never as if it had ended well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from proto import codec, streams
from proto.bus.port import Message
from proto.duplex import BACK
from proto.errors import Unavailable
from proto.frames import STDIN, frame
from proto.streams import SEQUENCE, open_stream
from proto.subjects import node_down
from tests.agent.cluster import NODE, Cluster
from tests.agent.pods import pod


@pytest.fixture
async def cluster(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(streams, "LOOK_S", 0.05)
    async with Cluster() as cluster:
        await cluster.start_agent()
        await cluster.hub.assign(pod("web", {"name": "app", "command": ["x"], "stdin": True}))
        await cluster.hub.running("u-web")
        yield cluster


async def heard(cluster: Cluster, verb: str, words: bytes, **request: object) -> bytes:
    """All that a client hears who said `words` once and can then be reached no more."""
    bus = cluster.hub.bus
    back = bus.inbox()

    async def say(message: Message) -> None:
        await bus.publish(message.reply, words, reply=bus.inbox(), headers={SEQUENCE: "1"})

    saying = await bus.subscribe(back, lambda message: asyncio.ensure_future(say(message)))
    try:
        asked = codec.dump_json({"namespace": "default", "pod": "web", **request})
        answer = open_stream(bus, node_down(NODE, verb), asked, headers={BACK: back})
        return b"".join([chunk async for chunk in answer])
    finally:
        await saying.unsubscribe()


async def test_a_forwarded_connection(cluster: Cluster) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.set_result(await reader.readexactly(5))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="nothing is heard of this client any more"):
            await heard(cluster, "portforward", b"hello", port=port)
    assert said.result() == b"hello"


async def test_an_attached_client(cluster: Cluster) -> None:
    with pytest.raises(Unavailable, match="nothing is heard of this client any more"):
        await heard(cluster, "attach", frame(STDIN, b"hello\n"), stdin=True)
