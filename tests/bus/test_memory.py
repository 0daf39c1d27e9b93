"""The network in memory: links that are cut, slow or lossy, and runs that repeat themselves."""

from __future__ import annotations

import asyncio

import pytest

from proto.bus.interest import Interest, check_subject
from proto.bus.memory import SILENCE_NOTICED_S, MemoryBus, MemoryNetwork
from proto.bus.port import Disconnected, Message, NoResponders, RequestTimeout
from proto.ids import RandomIds


async def settle() -> None:
    """Let everything that is due at once happen."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("pattern", "subject", "matches"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b.*", "a.b.c", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("sp.node.*.up.heartbeat", "sp.node.10_0_0_1.up.heartbeat", True),
    ],
)
def test_a_pattern_matches_as_in_nats(pattern: str, subject: str, matches: bool) -> None:
    interest: Interest[str] = Interest()
    interest.add(pattern, "it")
    assert interest.find(subject) == (["it"] if matches else [])
    interest.remove(pattern, "it")
    assert interest.find(subject) == []


@pytest.mark.parametrize("subject", ["", "a..b", ".a", "a.", "a b", "a.*", "a.>", ">"])
def test_a_bad_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="bad subject"):
        check_subject(subject)


async def test_a_silent_partition_loses_messages_and_times_requests_out() -> None:
    network = MemoryNetwork()
    hub, node = MemoryBus(network, "hub"), MemoryBus(network, "node")
    seen: list[bytes] = []
    await node.subscribe("x", lambda message: seen.append(message.data))
    network.partition("node")
    await hub.publish("x", b"lost")
    with pytest.raises(RequestTimeout):
        await hub.request("x", b"lost too", timeout_s=0.01)
    assert node.connected
    network.heal("node")
    await hub.publish("x", b"told")
    await settle()
    assert seen == [b"told"]


async def test_a_broken_link_is_noticed_on_both_ends_and_comes_back_with_its_subscriptions() -> None:
    network = MemoryNetwork()
    hub, node = MemoryBus(network, "hub"), MemoryBus(network, "node")
    seen: list[str] = []
    node.on_disconnect(lambda: seen.append("disconnected"))
    node.on_reconnect(lambda: seen.append("reconnected"))
    await node.subscribe("x", lambda message: seen.append(message.data.decode()))
    network.disconnect("node")
    with pytest.raises(Disconnected):
        await node.publish("y")
    with pytest.raises(NoResponders):
        await hub.request("x", timeout_s=1)
    network.heal("node")
    await hub.publish("x", b"told")
    await settle()
    assert seen == ["disconnected", "reconnected", "told"]


async def test_silence_is_noticed_after_two_missed_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SILENCE_NOTICED_S == 6.0
    monkeypatch.setattr("proto.bus.memory.SILENCE_NOTICED_S", 0.01)
    network = MemoryNetwork()
    node = MemoryBus(network, "node")
    noticed = asyncio.Event()
    node.on_disconnect(noticed.set)
    network.partition("node")
    await asyncio.wait_for(noticed.wait(), 1)
    assert not node.connected


async def test_a_slow_link_keeps_the_order() -> None:
    network = MemoryNetwork()
    hub, node = MemoryBus(network, "hub"), MemoryBus(network, "node")
    seen: list[int] = []
    done = asyncio.Event()

    def take(message: Message) -> None:
        seen.append(int(message.data))
        if len(seen) == 100:
            done.set()

    await node.subscribe("x", take)
    network.link("node").latency_s = 0.01
    for number in range(100):
        await hub.publish("x", str(number).encode())
    network.link("node").latency_s = 0.0
    await asyncio.wait_for(done.wait(), 1)
    assert seen == list(range(100))


async def lossy_run(seed: int) -> list[bytes]:
    network = MemoryNetwork(RandomIds(seed))
    hub, node = MemoryBus(network, "hub"), MemoryBus(network, "node")
    network.link("node").loss = 0.5
    seen: list[bytes] = []
    await node.subscribe("x", lambda message: seen.append(message.data))
    for number in range(64):
        await hub.publish("x", str(number).encode())
    await settle()
    return seen


async def test_the_same_seed_loses_the_same_messages() -> None:
    first, again, other = await lossy_run(1), await lossy_run(1), await lossy_run(2)
    assert 10 < len(first) < 54
    assert first == again != other


async def test_members_of_a_queue_group_take_turns() -> None:
    network = MemoryNetwork()
    hub = MemoryBus(network, "hub")
    seen: list[str] = []
    for name in ("a", "b"):
        bus = MemoryBus(network, name)
        await bus.subscribe("work.*", lambda message, name=name: seen.append(name), queue="workers")
    for _ in range(4):
        await hub.publish("work.x")
    await settle()
    assert sorted(seen) == ["a", "a", "b", "b"]
