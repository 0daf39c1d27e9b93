"""The ordered feed of a stream: everything there is, then every change, nothing missed, nothing told twice.

Each follower has a push consumer of its own, with an inbox of its own, that starts behind the last sequence which was
told. What keeps the promise:

- *Nothing is missed on the way.* The consumer numbers its messages without gaps. A message, or an idle heartbeat that
  tells the last number, which does not fit ends the consumer, and another starts behind the last sequence told.
- *Silence is noticed.* The server sends a heartbeat twice a second. Without one for a second and a half, and after
  every reconnect, the consumer is made anew in the same way.
- *Nothing is told twice.* A message whose sequence is not above the last one told is dropped, and a consumer that was
  given up has an inbox that nobody reads any more.
- *It is the same stream.* Its `created` time is looked at before each start. A different one, a stream that ends
  before what was told, or an absence so long that tombstones may have expired, means a full resend (`reset`).
- *A slow reader loses nothing.* Messages wait in a queue which the server's flow control bounds: it sends on when the
  reader has got as far as its question.

What is skipped: states that were replaced before the server came to send them (during a break, or under a burst of
writes to one object), because the stream keeps the last message of a subject. In the first load, tombstones too:
nobody was told of what they removed.

"Caught up" is measured against the last sequence at the start, not against "nothing pending": under steady writes a
slow reader may never see the latter.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from control_plane.store.nats.jetstream import JetStream, JetStreamRefusal, StreamState
from control_plane.store.nats.writes import DELETED
from control_plane.store.port import Change, StoreUnavailable
from proto import codec
from proto.bus.port import BusError, Message
from proto.clock import Clock, Instant
from proto.ids import Ids

log = logging.getLogger(__name__)

HEARTBEAT_S = 0.5
SILENT_S = 3 * HEARTBEAT_S
RETRY_AFTER_S = 0.1
INACTIVE_S = 30.0
"""After so long without a listener the server forgets a consumer by itself."""


class _Broken(Exception):
    """The consumer cannot be trusted any more; says why."""


@dataclass(slots=True)
class _Place:
    """How far a follower is: which stream, the last sequence told, and when the stream was last heard.

    `mark` is the last sequence of the stream when the load began; None once "synced" was told.
    """

    created: str = ""
    told: int = 0
    mark: int | None = None
    heard_at: tuple[Instant, float] | None = None

    def away_s(self, clock: Clock) -> float:
        """Seconds since the stream was heard. (The monotonic clock may stand still while a machine sleeps, the wall
        clock may be set back: the larger difference counts.)"""
        if self.heard_at is None:
            return 0.0
        return max((clock.now() - self.heard_at[0]).total_seconds(), clock.monotonic_s() - self.heard_at[1])


@dataclass(slots=True)
class _Inbox:
    """What the consumer sent and nobody has read yet."""

    waiting: deque[Message] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    broken: str = ""

    def take(self, message: Message) -> None:
        """The subscription's handler."""
        self.waiting.append(message)
        self.arrived.set()

    def give_up(self, why: str) -> None:
        """Let the reader start again."""
        self.broken = self.broken or why
        self.arrived.set()

    async def next(self) -> Message:
        """The next message.

        Raises:
            _Broken: it was given up, or it is silent.
        """
        while not self.waiting or self.broken:
            if self.broken:
                raise _Broken(self.broken)
            self.arrived.clear()
            try:
                async with asyncio.timeout(SILENT_S):
                    await self.arrived.wait()
            except TimeoutError:
                raise _Broken(f"no heartbeat within {SILENT_S} s") from None
        return self.waiting.popleft()


class Feed:
    """One follower of `stream`. `forget_after_s`: an absence from which on tombstones may have been missed."""

    def __init__(self, jetstream: JetStream, stream: str, clock: Clock, ids: Ids, forget_after_s: float):
        self._jetstream = jetstream
        self._bus = jetstream.bus
        self._stream = stream
        self._clock = clock
        self._ids = ids
        self._forget_after_s = forget_after_s
        self._inbox: _Inbox | None = None
        self._woken = asyncio.Event()
        self._closed = False
        self._bus.on_reconnect(self._start_again)

    def close(self) -> None:
        """End the feed."""
        self._closed = True
        self._start_again()

    async def changes(self) -> AsyncGenerator[Change, None]:
        """The feed, for ever."""
        place = _Place()
        while not self._closed:
            try:
                async with aclosing(self._consume(place)) as consumed:
                    async for change in consumed:
                        yield change
            except (_Broken, BusError, StoreUnavailable, JetStreamRefusal) as reason:
                if not self._closed:
                    log.info("feed_interrupted stream=%s told=%d reason=%s", self._stream, place.told, reason)
                    await self._pause()

    async def _consume(self, place: _Place) -> AsyncGenerator[Change, None]:
        """Follow with one consumer until it breaks."""
        self._woken.clear()
        inbox = self._inbox = _Inbox()
        state = await self._jetstream.stream(self._stream)
        for change in self._compare(place, state):
            yield change
        deliver = self._bus.inbox()
        subscription = await self._bus.subscribe(deliver, inbox.take)
        consumer = f"sp-{self._ids.suffix(12)}"
        try:
            created = await self._jetstream.ask(
                f"CONSUMER.CREATE.{self._stream}.{consumer}", self._consumer(consumer, deliver, place)
            )
            caught_up = int(created.get("num_pending", 0)) == 0
            for change in self._sync(place, caught_up):
                yield change
            async with aclosing(self._read(place, inbox, consumer)) as read:
                async for change in read:
                    yield change
        finally:
            self._inbox = None
            await subscription.unsubscribe()
            await self._forget_consumer(consumer)

    def _compare(self, place: _Place, state: StreamState) -> list[Change]:
        """Where to start: behind what was told, or at the beginning of a load."""
        away = place.away_s(self._clock) > self._forget_after_s
        same = place.created == state.created and place.told <= state.last_sequence and not away
        if same:
            return []
        changes = [Change("reset", 0)] if place.created else []
        if changes:
            log.warning("feed_reset stream=%s told=%d created=%s", self._stream, place.told, state.created)
        place.created, place.told, place.mark, place.heard_at = state.created, 0, state.last_sequence, None
        return changes

    def _consumer(self, name: str, deliver: str, place: _Place) -> dict[str, object]:
        return {
            "stream_name": self._stream,
            "config": {
                "name": name,
                "deliver_subject": deliver,
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": place.told + 1,
                "ack_policy": "none",
                "replay_policy": "instant",
                "flow_control": True,
                "idle_heartbeat": int(HEARTBEAT_S * 1e9),
                "inactive_threshold": int(INACTIVE_S * 1e9),
                "num_replicas": 1,
                "mem_storage": True,
            },
        }

    async def _read(self, place: _Place, inbox: _Inbox, consumer: str) -> AsyncGenerator[Change, None]:
        """What the consumer sends, checked for gaps."""
        number = 0
        while True:
            message = await inbox.next()
            place.heard_at = (self._clock.now(), self._clock.monotonic_s())
            if "Status" in message.headers and not message.data:
                await self._answer_control(message, number)
                caught_up = place.mark is not None and await self._nothing_pending(consumer, number)
                for change in self._sync(place, caught_up):
                    yield change
                continue
            sequence, delivered, pending = _numbers(message.reply)
            if delivered != number + 1:
                raise _Broken(f"message {number + 1} is missing")
            number = delivered
            for change in self._tell(place, message, sequence, pending == 0):
                yield change

    def _tell(self, place: _Place, message: Message, sequence: int, last: bool) -> list[Change]:
        """The changes that a message means, in order."""
        if sequence <= place.told:
            return []
        changes: list[Change] = []
        loading = place.mark is not None and sequence <= place.mark
        if not loading:
            changes += self._sync(place, True)
        deleted = DELETED in message.headers
        if not (deleted and loading):
            changes += _decode(message, sequence, deleted)
        place.told = sequence
        return changes + self._sync(place, last or (place.mark is not None and sequence >= place.mark))

    def _sync(self, place: _Place, caught_up: bool) -> list[Change]:
        """ "synced", once, when everything up to the mark has been told."""
        if place.mark is None or not caught_up:
            return []
        synced = Change("synced", place.mark)
        place.told, place.mark = max(place.told, place.mark), None
        return [synced]

    async def _answer_control(self, message: Message, number: int) -> None:
        """A heartbeat tells the last number; a flow control question is answered when all before it was read."""
        if message.headers.get("Status") != "100":
            raise _Broken(f"the consumer ended: {message.headers.get('Description', message.headers['Status'])}")
        told = message.headers.get("Nats-Last-Consumer")
        if told is not None and int(told) != number:
            raise _Broken(f"messages {number + 1} to {told} are missing")
        question = message.reply or message.headers.get("Nats-Consumer-Stalled")
        if question:
            await self._bus.publish(question)

    async def _nothing_pending(self, consumer: str, number: int) -> bool:
        """Whether the load is over although its mark never came: the messages up to it expired meanwhile."""
        info = await self._jetstream.ask(f"CONSUMER.INFO.{self._stream}.{consumer}")
        return int(info["num_pending"]) == 0 and int(info["delivered"]["consumer_seq"]) == number

    async def _forget_consumer(self, consumer: str) -> None:
        """Tell the server, without waiting; if it does not hear it forgets by itself."""
        try:
            await self._bus.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{consumer}")
        except BusError:
            pass

    async def _pause(self) -> None:
        """A moment, or until the connection is back."""
        try:
            async with asyncio.timeout(RETRY_AFTER_S):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _start_again(self) -> None:
        self._woken.set()
        if self._inbox is not None:
            self._inbox.give_up("closed" if self._closed else "the connection was broken")


def _numbers(reply: str) -> tuple[int, int, int]:
    """(stream sequence, consumer sequence, pending) from a delivered message's reply subject.

    `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or, from newer servers,
    with a domain and an account hash in front of the stream and a random token behind.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) == 9 else 7
    try:
        return int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 3])
    except (IndexError, ValueError):
        raise _Broken(f"a message without its numbers: {reply!r}") from None


def _decode(message: Message, sequence: int, deleted: bool) -> list[Change]:
    """The change; what cannot be read (a kind from a newer version) is left out."""
    try:
        obj = codec.unpack_stored(message.data, sequence)
    except (KeyError, TypeError, ValueError) as error:
        log.warning("unreadable_object subject=%s revision=%d error=%s", message.subject, sequence, error)
        return []
    return [Change("delete" if deleted else "put", sequence, obj)]
