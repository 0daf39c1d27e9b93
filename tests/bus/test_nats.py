"""The NATS bus when its server goes away: what is lost is known, and nothing comes late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from proto.bus.nats import NatsBus
from proto.bus.nats.client import LARGE_BYTES, PromptTransport
from proto.bus.port import Disconnected, Message, RequestTimeout
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.bus.stubborn import losing_one_cancellation
from tests.waiting import eventually


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)) as server:
        yield server


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[NatsBus]:
    bus = await NatsBus.connect(server.url, name="test")
    yield bus
    await bus.close()


@pytest.mark.parametrize(
    ("servers", "message"),
    [
        ("nats://127.0.0.1:1", r"cannot reach the NATS server at nats://127\.0\.0\.1:1: .*connect"),
        (["nats://127.0.0.1:1", "nats://127.0.0.1:2"], r"at nats://127\.0\.0\.1:1, nats://127\.0\.0\.1:2: "),
        ("nats://127.0.0.1:port", r"cannot reach the NATS server at nats://127\.0\.0\.1:port: "),
        ("nats://no-such-host.invalid:4222", r"cannot reach the NATS server at nats://no-such-host\.invalid"),
        ("", r"cannot reach the NATS server at "),
    ],
    ids=["closed port", "several", "no number", "no host", "nothing"],
)
async def test_an_unreachable_server_is_told_in_one_line(servers: str | list[str], message: str) -> None:
    with pytest.raises(Disconnected, match=message) as failure:
        await NatsBus.connect(servers, wait=False)
    assert "\n" not in str(failure.value)
    with pytest.raises(Disconnected, match=message):
        await NatsBus.connect(servers, within_s=0.5)


async def test_one_can_wait_for_a_server_that_is_not_there_yet(server: NatsServer) -> None:
    await server.stop()
    connecting = asyncio.create_task(NatsBus.connect(server.url))
    done, _ = await asyncio.wait({connecting}, timeout=0.3)
    assert not done
    await server.start()
    bus = await asyncio.wait_for(connecting, 5)
    assert bus.connected
    await bus.close()


async def test_subscriptions_and_callbacks_survive_a_restart(server: NatsServer, bus: NatsBus) -> None:
    seen: list[str] = []

    def raises() -> None:
        raise RuntimeError("a bug of the callback")

    for callback in (raises, lambda: seen.append("disconnected")):
        bus.on_disconnect(callback)
    for callback in (raises, lambda: seen.append("reconnected")):
        bus.on_reconnect(callback)
    await bus.subscribe("x", lambda message: seen.append(message.data.decode()))
    for round_number in range(2):
        await server.kill()
        await eventually(lambda: not bus.connected)
        await server.start()
        await eventually(lambda n=round_number: seen.count("reconnected") > n)
        await bus.publish("x", str(round_number).encode())
        await eventually(lambda n=round_number: str(n) in seen)
    assert seen == ["disconnected", "reconnected", "0", "disconnected", "reconnected", "1"]


async def test_what_could_not_be_sent_is_refused_and_never_sent_later(server: NatsServer, bus: NatsBus) -> None:
    other = await NatsBus.connect(server.url)
    seen: list[bytes] = []
    await other.subscribe("x", lambda message: seen.append(message.data))
    await server.kill()
    await eventually(lambda: not bus.connected and not other.connected)
    with pytest.raises(Disconnected, match="there is no connection to the NATS server"):
        await bus.publish("x", b"ghost")
    with pytest.raises(Disconnected):
        await bus.request("x", b"ghost", timeout_s=5)
    await server.start()
    await eventually(lambda: bus.connected and other.connected)
    await bus.publish("x", b"alive")
    await eventually(lambda: seen)
    assert seen == [b"alive"]
    await other.close()


async def test_publishing_while_the_connection_breaks_never_arrives_twice_or_late(
    server: NatsServer, bus: NatsBus
) -> None:
    """Every publish that was refused stays away, also those of the moment in which the break is not noticed yet."""
    other = await NatsBus.connect(server.url)
    seen: list[int] = []
    await other.subscribe("x", lambda message: seen.append(int(message.data)))
    refused: list[int] = []
    killing = asyncio.create_task(server.kill())
    number = 0
    while len(refused) < 5:
        try:
            await bus.publish("x", str(number).encode())
        except Disconnected:
            refused.append(number)
        number += 1
        await asyncio.sleep(0.001)
    await killing
    await server.start()
    await eventually(lambda: bus.connected and other.connected)
    await bus.publish("x", str(number).encode())
    await eventually(lambda: number in seen)
    assert seen == sorted(set(seen))
    assert not set(seen) & set(refused)
    await other.close()


async def test_a_request_in_flight_ends_with_its_connection(server: NatsServer, bus: NatsBus) -> None:
    await bus.subscribe("silent", lambda message: None)
    asking = asyncio.create_task(bus.request("silent", timeout_s=60))
    await asyncio.sleep(0.05)
    await server.kill()
    with pytest.raises(RequestTimeout, match="the connection broke"):
        await asyncio.wait_for(asking, 5)


async def test_an_attempt_to_connect_ends_when_its_cancellation_meets_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def refused(**where: object) -> None:
        await refusal

    monkeypatch.setattr(asyncio, "open_connection", refused)
    connecting = asyncio.create_task(PromptTransport().connect(urlparse("nats://127.0.0.1:1"), 0, 5))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refusal.set_exception(ConnectionRefusedError())
    await asyncio.sleep(0)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting


async def test_nothing_tries_to_reconnect_once_the_bus_is_closed(server: NatsServer, bus: NatsBus) -> None:
    reconnecting = bus._client._reconnection_task = asyncio.create_task(losing_one_cancellation())
    await asyncio.sleep(0)
    await bus.close()
    assert reconnecting.cancelled()


async def test_a_cancelled_flush_does_not_end_the_connection(bus: NatsBus) -> None:
    seen: list[Message] = []
    for number in range(20):
        subscribing = asyncio.create_task(bus.subscribe(f"y.{number}", seen.append))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        subscribing.cancel()
        await asyncio.gather(subscribing, return_exceptions=True)
    await bus.subscribe("x", seen.append)
    await bus.publish("x")
    await eventually(lambda: seen)


async def test_headers_count_for_the_largest_message(bus: NatsBus) -> None:
    headers = {"Sp-Long": "x" * 1000, "Sp-Lines": "a\nb"}
    with pytest.raises(Disconnected, match="bytes is over"):
        await bus.publish("x", b"\0" * (bus.max_payload_bytes - 500), headers=headers)
    await bus.publish("x", b"\0" * (bus.max_payload_bytes - 1200), headers=headers)
    seen: list[Message] = []
    await bus.subscribe("y", seen.append)
    await bus.publish("y")
    await eventually(lambda: seen)


async def test_a_complaint_of_the_server_is_no_end(bus: NatsBus) -> None:
    seen: list[Message] = []
    reconnected = asyncio.Event()
    bus.on_reconnect(reconnected.set)
    await bus.subscribe("x", seen.append)
    limit = bus.max_payload_bytes
    bus.client._max_payload = 2 * limit
    await bus.publish("x", b"\0" * (limit + 1))
    await asyncio.wait_for(reconnected.wait(), 5)
    assert bus.max_payload_bytes == limit
    await bus.publish("x", b"again")
    await eventually(lambda: [message.data for message in seen] == [b"again"])


async def test_the_server_tells_its_version(bus: NatsBus) -> None:
    assert bus.server_version.startswith("2.")


async def test_the_connection_is_our_own_kind_also_after_a_reconnect(server: NatsServer, bus: NatsBus) -> None:
    """nats-py replaces a transport that says it is not connected yet; ours would be lost without a word."""
    assert isinstance(bus.client._transport, PromptTransport)
    await server.kill()
    await server.start()
    await eventually(lambda: bus.connected)
    assert isinstance(bus.client._transport, PromptTransport)


@pytest.mark.parametrize("size", [LARGE_BYTES - 1, LARGE_BYTES, 1_000_000])
async def test_large_messages_keep_their_headers_and_their_place(bus: NatsBus, size: int) -> None:
    arrived: list[Message] = []
    await bus.subscribe("large", arrived.append)
    for number in range(4):
        data = bytes([number]) * (size if number % 2 else 10)
        await bus.publish("large", data, reply="answers", headers={"Number": str(number), "Many": "a\nb"})
    await eventually(lambda: len(arrived) == 4)
    assert [(len(each.data), each.data[0], each.reply, each.headers) for each in arrived] == [
        (size if number % 2 else 10, number, "answers", {"Number": str(number), "Many": "a\nb"}) for number in range(4)
    ]
