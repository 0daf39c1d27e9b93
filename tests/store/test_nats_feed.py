"""The feed against a server that misbehaves on purpose: gaps, silence, stale consumers, streams made anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from control_plane.store.nats import feed as feed_module
from control_plane.store.nats.feed import Feed
from control_plane.store.nats.jetstream import JetStream
from control_plane.store.nats.writes import DELETED
from control_plane.store.port import Change
from proto import codec
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.port import Message
from proto.clock import SystemClock
from proto.ids import RandomIds
from proto.objects.core import ConfigMap
from proto.objects.meta import ObjectMeta
from tests.waiting import eventually

STREAM = "sp-objects"


class SteppedClock(SystemClock):
    """A monotonic clock that a test can put forward."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


@dataclass
class ScriptedServer:
    """Answers JetStream's requests as told, and delivers what a test says."""

    bus: MemoryBus
    created: str = "first"
    last_sequence: int = 0
    pending: int = 0
    starts: list[int] = field(default_factory=list)
    inboxes: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    info: dict[str, object] = field(default_factory=dict)
    number: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        await self.bus.subscribe("$JS.API.>", self._ask)
        await self.bus.subscribe("flow.>", lambda message: self.answered.append(message.subject))

    def _ask(self, message: Message) -> None:
        verb = message.subject.split(".")[2:4]
        answer: dict[str, object] = {}
        if verb == ["STREAM", "INFO"]:
            answer = {"created": self.created, "state": {"last_seq": self.last_sequence}, "config": {}}
        elif verb == ["CONSUMER", "CREATE"]:
            config = json.loads(message.data)["config"]
            self.starts.append(config["opt_start_seq"])
            self.inboxes.append(config["deliver_subject"])
            self.number = 0
            answer = {"num_pending": self.pending}
        elif verb == ["CONSUMER", "INFO"]:
            answer = self.info
        if message.reply:
            self._publish(message.reply, json.dumps(answer).encode())

    def put(self, sequence: int, *, pending: int = 0, skip: int = 0, deleted: bool = False, inbox: int = -1) -> None:
        """Deliver an object; `skip`: so many numbers of the consumer are left out before it."""
        self.number += 1 + skip
        self.last_sequence = max(self.last_sequence, sequence)
        obj = ConfigMap(metadata=ObjectMeta(name=f"c{sequence}", namespace="default", uid=f"u{sequence}"))
        reply = f"$JS.ACK.{STREAM}.consumer.1.{sequence}.{self.number}.1700000000.{pending}"
        headers = {DELETED: "1"} if deleted else {}
        self._publish(self.inboxes[inbox], codec.pack_stored(obj), reply, headers)

    def control(self, *, number: int | None = None, reply: str = "", stalled: str = "", status: str = "100") -> None:
        """Deliver a heartbeat, or a flow control question (with `reply`)."""
        headers = {"Status": status, "Nats-Last-Consumer": str(self.number if number is None else number)}
        if stalled:
            headers["Nats-Consumer-Stalled"] = stalled
        self._publish(self.inboxes[-1], b"", reply, headers)

    def _publish(self, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None) -> None:
        task = asyncio.ensure_future(self.bus.publish(subject, data, reply=reply, headers=headers))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@dataclass
class Following:
    """A feed that runs, what it told, and the server it follows."""

    server: ScriptedServer
    network: MemoryNetwork
    clock: SteppedClock
    told: list[tuple[str, int]] = field(default_factory=list)

    async def tells(self, *expected: tuple[str, int]) -> None:
        """Wait until all that was told is `expected`, and no more."""
        await eventually(lambda: len(self.told) >= len(expected), within_s=5, what=f"{self.told}")
        assert self.told == list(expected)

    async def starts_at(self, *sequences: int) -> None:
        await eventually(lambda: len(self.server.starts) >= len(sequences), within_s=5)
        assert self.server.starts == list(sequences)


@pytest.fixture
async def following(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Following]:
    monkeypatch.setattr(feed_module, "SILENT_S", 5.0)
    monkeypatch.setattr(feed_module, "RETRY_AFTER_S", 0.01)
    network, clock = MemoryNetwork(), SteppedClock()
    server = ScriptedServer(MemoryBus(network, "server"))
    await server.open()
    feed = Feed(JetStream(MemoryBus(network, "store")), STREAM, clock, RandomIds(1), forget_after_s=1800)
    following = Following(server, network, clock)

    def note(change: Change) -> None:
        following.told.append((change.type, change.revision))

    async def run() -> None:
        async for change in feed.changes():
            note(change)

    task = asyncio.create_task(run())
    yield following
    feed.close()
    await asyncio.wait_for(task, 5)


async def begin(following: Following, last_sequence: int = 0) -> ScriptedServer:
    """Let the feed start on a stream that ends at `last_sequence`."""
    server = following.server
    server.last_sequence, server.pending = last_sequence, last_sequence
    await following.starts_at(1)
    return server


async def test_a_gap_starts_again_behind_the_last_sequence_told(following: Following) -> None:
    server = await begin(following)
    server.put(1)
    server.put(5, skip=1)
    await following.starts_at(1, 2)
    server.put(4)
    server.put(5)
    await following.tells(("synced", 0), ("put", 1), ("put", 4), ("put", 5))


async def test_a_heartbeat_that_counts_more_is_a_gap(following: Following) -> None:
    server = await begin(following)
    server.put(1)
    server.control()
    server.control(number=2)
    await following.starts_at(1, 2)


async def test_silence_starts_again(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "SILENT_S", 0.05)
    await following.starts_at(1)
    await eventually(lambda: len(following.server.starts) >= 3)
    assert set(following.server.starts) == {1}
    monkeypatch.setattr(feed_module, "SILENT_S", 5.0)


async def test_a_reconnect_starts_again_at_once(following: Following) -> None:
    server = await begin(following)
    server.put(1)
    await following.tells(("synced", 0), ("put", 1))
    following.network.disconnect("store")
    following.network.heal("store")
    await following.starts_at(1, 2)


async def test_nothing_is_told_twice(following: Following) -> None:
    server = await begin(following)
    server.put(1)
    server.put(2)
    await following.tells(("synced", 0), ("put", 1), ("put", 2))
    following.network.disconnect("store")
    following.network.heal("store")
    await following.starts_at(1, 3)
    server.put(2)
    server.put(3)
    server.put(3, inbox=0)
    await following.tells(("synced", 0), ("put", 1), ("put", 2), ("put", 3))


async def test_an_error_status_of_the_consumer_starts_again(following: Following) -> None:
    server = await begin(following)
    server.control(status="409")
    await following.starts_at(1, 1)


async def test_a_message_without_numbers_starts_again(following: Following) -> None:
    server = await begin(following)
    await server.bus.publish(server.inboxes[-1], b"x", reply="not.numbers")
    await following.starts_at(1, 1)


async def test_flow_control_is_answered_after_what_came_before(following: Following) -> None:
    server = await begin(following)
    server.put(1)
    server.control(reply="flow.1")
    server.control(stalled="flow.2")
    await eventually(lambda: server.answered == ["flow.1", "flow.2"])
    await following.tells(("synced", 0), ("put", 1))


async def test_a_load_is_synced_at_its_mark_and_leaves_tombstones_out(following: Following) -> None:
    following.server.last_sequence, following.server.pending = 4, 3
    server = following.server
    await following.starts_at(1)
    server.put(1, pending=9)
    server.put(3, pending=9, deleted=True)
    server.put(4, pending=9)
    server.put(5, pending=9, deleted=True)
    await following.tells(("put", 1), ("put", 4), ("synced", 4), ("delete", 5))


async def test_a_load_whose_mark_was_replaced_meanwhile_is_synced_by_what_is_behind_it(following: Following) -> None:
    following.server.last_sequence, following.server.pending = 4, 2
    await following.starts_at(1)
    following.server.put(1, pending=1)
    following.server.put(7, pending=1)
    await following.tells(("put", 1), ("synced", 4), ("put", 7))


async def test_a_load_whose_end_expired_meanwhile_is_synced_by_a_heartbeat(following: Following) -> None:
    following.server.last_sequence, following.server.pending = 4, 2
    following.server.info = {"num_pending": 0, "delivered": {"consumer_seq": 1}}
    await following.starts_at(1)
    following.server.put(1, pending=1)
    following.server.control()
    await following.tells(("put", 1), ("synced", 4))


async def test_a_load_goes_on_after_a_break(following: Following) -> None:
    following.server.last_sequence, following.server.pending = 4, 4
    await following.starts_at(1)
    following.server.put(2, pending=2)
    await following.tells(("put", 2))
    following.network.disconnect("store")
    following.network.heal("store")
    await following.starts_at(1, 3)
    following.server.put(4)
    await following.tells(("put", 2), ("put", 4), ("synced", 4))


@pytest.mark.parametrize("reason", ["made anew", "cut short", "away too long"])
async def test_what_cannot_be_continued_is_told_from_the_start(following: Following, reason: str) -> None:
    server = await begin(following)
    server.put(8)
    await following.tells(("synced", 0), ("put", 8))
    server.last_sequence, server.pending = 8, 1
    match reason:
        case "made anew":
            server.created = "second"
        case "cut short":
            server.last_sequence = 7
        case _:
            following.clock.ahead_s = 1801
    following.network.disconnect("store")
    following.network.heal("store")
    await following.starts_at(1, 1)
    server.put(7)
    mark = server.last_sequence
    await following.tells(("synced", 0), ("put", 8), ("reset", 0), ("put", 7), ("synced", mark))


async def test_an_object_that_cannot_be_read_is_left_out(
    following: Following, caplog: pytest.LogCaptureFixture
) -> None:
    server = await begin(following)
    reply = f"$JS.ACK.{STREAM}.consumer.1.1.1.1700000000.0"
    server.number = 1
    await server.bus.publish(server.inboxes[-1], b"\xc1 no msgpack", reply=reply)
    server.put(2)
    await following.tells(("synced", 0), ("put", 2))
    assert "unreadable_object" in caplog.text
