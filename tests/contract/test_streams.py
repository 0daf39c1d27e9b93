"""Streams of bytes over either bus: order, flow, ends and silences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from proto import streams
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.port import Bus, Message, NoResponders
from proto.errors import InternalError, NotFound, Unavailable
from proto.ids import RandomIds
from proto.streams import StreamBroken, open_stream, serve_stream
from tests.contract.stores import Connect
from tests.waiting import eventually

Source = Callable[[bytes], AsyncIterator[bytes]]
Serve = Callable[[Bus, Source], Awaitable[list[asyncio.Task[None]]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Answers requests on `logs` with what a source yields; the tasks that do so are ended with the test."""
    tasks: list[asyncio.Task[None]] = []

    async def begin(bus: Bus, source: Source) -> list[asyncio.Task[None]]:
        def answer(message: Message) -> None:
            tasks.append(asyncio.ensure_future(serve_stream(bus, message, source(message.data))))

        await bus.subscribe("logs", answer)
        return tasks

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def collect(bus: Bus, request: bytes = b"", window_bytes: int = streams.WINDOW_BYTES) -> bytes:
    return b"".join([chunk async for chunk in open_stream(bus, "logs", request, window_bytes=window_bytes)])


async def test_all_arrives_in_order_and_ends(connect: Connect, serve: Serve) -> None:
    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        for number in range(500):
            yield request + str(number).encode() + b"\n"

    tasks = await serve(await connect("agent"), source)
    expected = b"".join(b"line " + str(number).encode() + b"\n" for number in range(500))
    assert await collect(await connect("client"), b"line ") == expected
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


@pytest.mark.parametrize("size", [0, 1, streams.CHUNK_BYTES_MAX, 3_000_000])
async def test_chunks_of_any_size_come_whole(connect: Connect, serve: Serve, size: int) -> None:
    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        yield bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    await serve(await connect("agent"), source)
    received = await collect(await connect("client"), window_bytes=1000)
    assert received == bytes(range(256)) * (size // 256) + b"x" * (size % 256)


async def test_a_slow_reader_slows_the_source(connect: Connect, serve: Serve) -> None:
    drawn = 0

    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        nonlocal drawn
        for _ in range(1000):
            drawn += 1
            yield b"x" * 100

    await serve(await connect("agent"), source)
    client = await connect("client")
    read = 0
    async with aclosing(open_stream(client, "logs", window_bytes=1000)) as stream:
        async for chunk in stream:
            read += len(chunk)
            if read % 10_000 == 0:
                await asyncio.sleep(0.01)
            assert drawn * 100 <= read + 1000 + 2 * 100
    assert read == 100_000


async def test_several_streams_do_not_mix(connect: Connect, serve: Serve) -> None:
    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        for _ in range(100):
            yield request
            await asyncio.sleep(0)

    await serve(await connect("agent"), source)
    client = await connect("client")
    received = await asyncio.gather(*(collect(client, str(n).encode()) for n in range(5)))
    assert received == [str(n).encode() * 100 for n in range(5)]


async def test_an_error_of_the_api_reaches_the_reader(connect: Connect, serve: Serve) -> None:
    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        yield b"some"
        raise NotFound('container "x" is nöt there\nat all')

    await serve(await connect("agent"), source)
    with pytest.raises(NotFound, match='container "x" is nöt there'):
        await collect(await connect("client"))


async def test_a_bug_of_the_source_is_an_internal_error(
    connect: Connect, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        yield b"some"
        raise RuntimeError("a secret")

    await serve(await connect("agent"), source)
    with pytest.raises(InternalError) as failure:
        await collect(await connect("client"))
    assert "secret" not in str(failure.value)
    assert "stream_source_failed" in caplog.text


async def test_nobody_who_serves_is_known_at_once(connect: Connect) -> None:
    with pytest.raises(NoResponders):
        await asyncio.wait_for(collect(await connect("client")), 2)


async def endless(request: bytes) -> AsyncGenerator[bytes, None]:
    while True:
        yield b"x" * 100
        await asyncio.sleep(0)


async def test_a_reader_that_leaves_ends_the_source(connect: Connect, serve: Serve) -> None:
    closed = asyncio.Event()

    async def source(request: bytes) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"once"
                await asyncio.Event().wait()
        finally:
            closed.set()

    await serve(await connect("agent"), source)
    async with aclosing(open_stream(await connect("client"), "logs")) as stream:
        assert await anext(stream) == b"once"
    await asyncio.wait_for(closed.wait(), 5)


async def test_a_reader_that_vanishes_ends_the_source(
    connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PULSE_S", 0.1)
    tasks = await serve(await connect("agent"), endless)
    client = await connect("client")
    stream = open_stream(client, "logs", window_bytes=1000)
    assert await anext(stream)
    await client.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    await stream.aclose()


async def test_a_sender_that_stops_says_so(connect: Connect, serve: Serve) -> None:
    tasks = await serve(await connect("agent"), endless)
    stream = open_stream(await connect("client"), "logs")
    assert await anext(stream)
    tasks[0].cancel()
    with pytest.raises(Unavailable, match="the sender of the stream stopped"):
        async for _ in stream:
            pass


async def test_a_sender_whose_program_died_is_known_soon(connect: Connect, serve: Serve) -> None:
    agent = await connect("agent")
    await serve(agent, silent_once)
    stream = open_stream(await connect("client"), "logs")
    assert await anext(stream) == b"once"
    await agent.close()
    with pytest.raises(StreamBroken, match="the other side is gone"):
        await asyncio.wait_for(anext(stream), 2 * streams.LOOK_S + 5)


async def silent_once(request: bytes) -> AsyncGenerator[bytes, None]:
    yield b"once"
    await asyncio.Event().wait()


async def test_a_quiet_stream_lives_on_pulses(connect: Connect, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PULSE_S", 0.05)
    monkeypatch.setattr(streams, "SILENT_S", 0.5)
    tasks = await serve(await connect("agent"), silent_once)
    stream = open_stream(await connect("client"), "logs")
    assert await anext(stream) == b"once"
    waiting = asyncio.ensure_future(anext(stream))
    done, _ = await asyncio.wait({waiting}, timeout=2.5 * streams.SILENT_S)
    assert not done
    assert not tasks[0].done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_silence_is_noticed_on_both_ends(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PULSE_S", 0.05)
    monkeypatch.setattr(streams, "SILENT_S", 0.5)
    network = MemoryNetwork()
    tasks = await serve(MemoryBus(network, "agent"), silent_once)
    stream = open_stream(MemoryBus(network, "client"), "logs")
    assert await anext(stream) == b"once"
    network.partition("client")
    with pytest.raises(StreamBroken, match="fell silent"):
        await anext(stream)
    await eventually(lambda: tasks[0].done())


async def test_a_program_that_was_stopped_takes_its_own_absence_for_nobodys_silence(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PULSE_S", 0.05), ("LOOK_S", 0.05), ("SILENT_S", 0.5)):
        monkeypatch.setattr(streams, name, value)
    network = MemoryNetwork()
    tasks = await serve(MemoryBus(network, "agent"), silent_once)
    stream = open_stream(MemoryBus(network, "client"), "logs")
    assert await anext(stream) == b"once"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.wait({waiting}, timeout=0.1)
    time.sleep(2 * streams.SILENT_S)  # Nobody's turn, as after Ctrl-Z.
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


async def test_a_lost_chunk_breaks_the_stream(serve: Serve) -> None:
    network = MemoryNetwork(RandomIds(1))
    await serve(MemoryBus(network, "agent"), endless)
    stream = open_stream(MemoryBus(network, "client"), "logs")
    assert await anext(stream)
    network.link("client").loss = 0.5
    with pytest.raises(StreamBroken, match="was lost on its way"):
        async for _ in stream:
            pass
