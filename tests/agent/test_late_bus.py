"""The bus before its connection."""

from __future__ import annotations

import pytest

from node_agent.membership.late_bus import LateBus
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.port import Disconnected, Message
from tests.waiting import eventually


async def test_before_the_connection_it_is_as_in_a_break() -> None:
    bus = LateBus()
    assert not bus.connected
    with pytest.raises(Disconnected):
        await bus.publish("a")
    with pytest.raises(Disconnected):
        await bus.request("a", timeout_s=1)
    with pytest.raises(Disconnected):
        bus.inbox()
    await bus.close()


async def test_what_was_subscribed_begins_with_the_connection() -> None:
    network = MemoryNetwork()
    bus, other = LateBus(), MemoryBus(network, "other")
    heard: list[Message] = []
    breaks: list[str] = []
    await bus.subscribe("a", heard.append)
    ended = await bus.subscribe("a", heard.append)
    await ended.unsubscribe()
    bus.on_disconnect(lambda: breaks.append("broken"))
    bus.on_reconnect(lambda: breaks.append("whole"))
    await bus.attach(MemoryBus(network, "late"))
    assert bus.connected and bus.max_payload_bytes == other.max_payload_bytes
    await other.publish("a", b"1")
    await eventually(lambda: [message.data for message in heard] == [b"1"])
    network.disconnect("late")
    network.heal("late")
    await eventually(lambda: breaks == ["broken", "whole"])
    await bus.close()
