"""`NatsStore`: the objects in one JetStream stream.

Writes are in `writes`, the feed is in `feed`; this file opens the stream and puts them together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from control_plane.store.nats.feed import Feed
from control_plane.store.nats.jetstream import TIME_TO_LIVE, JetStream, JetStreamRefusal
from control_plane.store.nats.writes import DELETED, RETRY_AFTER_S, Writes
from control_plane.store.port import (
    OBJECT_BYTES_MAX,
    Change,
    ObjectTooLarge,
    RevisionMismatch,
    StoreError,
    StoreUnavailable,
)
from proto import catalog, codec, subjects
from proto.bus.nats import NatsBus
from proto.clock import Clock
from proto.ids import Ids, RandomIds
from proto.objects.meta import Object

log = logging.getLogger(__name__)

SERVER_VERSION_MIN = (2, 12)
OPEN_WITHIN_S = 30.0
TOMBSTONE_TTL_S = 3600
HEADER_BYTES_MAX = 1024
"""Room for the headers of a write beside the object, within the server's largest message."""


class UnsupportedServer(StoreError):
    """The NATS server is too old, or runs without JetStream."""


async def open_store(
    bus: NatsBus, clock: Clock, *, replicas: int = 1, ids: Ids | None = None, within_s: float = OPEN_WITHIN_S
) -> NatsStore:
    """The store on the server that `bus` is connected to; its stream is made if it is not there.

    `replicas`: on how many servers of a cluster the stream is kept (1 or 3). A cluster that elects is waited for.

    Raises:
        UnsupportedServer: the server is older than 2.12.
        StoreUnavailable: JetStream does not answer within `within_s`, or refuses the stream; says why.
    """
    check_version(bus.server_version)
    jetstream = JetStream(bus)
    await ensure_stream(jetstream, clock, object_stream(replicas), within_s)
    store = NatsStore(bus, jetstream, clock, ids or RandomIds())
    await store.open()
    return store


def check_version(version: str) -> None:
    """Raise `UnsupportedServer` for a server older than what the store needs (per-message time to live, fences)."""
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < SERVER_VERSION_MIN:
        needed = ".".join(map(str, SERVER_VERSION_MIN))
        raise UnsupportedServer(f"the NATS server is version {version or 'unknown'}; at least {needed} is needed")


def object_stream(replicas: int) -> dict[str, object]:
    """The stream of objects: one subject each, the last message is the state."""
    return {
        "name": subjects.OBJECT_STREAM,
        "subjects": [f"{subjects.OBJECT_PREFIX}.>"],
        "storage": "file",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_direct": True,
        "allow_msg_ttl": True,
    }


async def ensure_stream(jetstream: JetStream, clock: Clock, config: dict[str, object], within_s: float) -> None:
    """Make a stream, or bring it to `config`; waits while the cluster elects."""
    deadline_s = clock.monotonic_s() + within_s
    while True:
        try:
            await jetstream.ensure_stream(config)
            return
        except JetStreamRefusal as refusal:
            raise StoreUnavailable(f"JetStream refuses the stream {config['name']}: {refusal}") from None
        except StoreUnavailable as error:
            if clock.monotonic_s() >= deadline_s:
                raise StoreUnavailable(f"no JetStream within {within_s:g} s (is it enabled?): {error}") from None
            log.info("waiting_for_jetstream error=%s", error)
        await clock.sleep(RETRY_AFTER_S)


class NatsStore:
    """A `Store`. Made by `open_store`."""

    def __init__(self, bus: NatsBus, jetstream: JetStream, clock: Clock, ids: Ids):
        self._bus = bus
        self._jetstream = jetstream
        self._clock = clock
        self._ids = ids
        self._writes = Writes(jetstream, subjects.OBJECT_STREAM, clock, ids)
        self._feeds: list[Feed] = []

    async def open(self) -> None:
        """Be ready for writes."""
        await self._writes.open()

    async def put(self, obj: Object, expected_revision: int) -> int:
        """Write `obj` if its key is at `expected_revision`.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown | ObjectTooLarge
        """
        return await self._writes.swap(_key(obj), self._encode(obj), expected_revision)

    async def delete(self, obj: Object, expected_revision: int) -> int:
        """Put a tombstone with the last state in its place if it is at `expected_revision`.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown
        """
        if not expected_revision:
            raise RevisionMismatch(f"{_key(obj)} cannot be deleted at revision 0: there is nothing")
        headers = {DELETED: "1", TIME_TO_LIVE: f"{TOMBSTONE_TTL_S}s"}
        return await self._writes.swap(_key(obj), self._encode(obj), expected_revision, headers)

    async def confirm(self, obj: Object) -> None:
        """Make sure that `obj` is still the newest state of its key, as the stream's leader has it.

        Raises:
            RevisionMismatch | StoreUnavailable
        """
        try:
            entry = await self._jetstream.last_entry(subjects.OBJECT_STREAM, _key(obj))
        except JetStreamRefusal as refusal:
            raise StoreUnavailable(f"JetStream refuses to read: {refusal}") from None
        if entry is None or entry.sequence != obj.metadata.revision:
            raise RevisionMismatch(f"{_key(obj)} is not at revision {obj.metadata.revision} any more")

    async def follow(self) -> AsyncGenerator[Change, None]:
        """The feed, see `control_plane.store.nats.feed`."""
        feed = Feed(self._jetstream, subjects.OBJECT_STREAM, self._clock, self._ids, TOMBSTONE_TTL_S / 2)
        self._feeds.append(feed)
        try:
            async with aclosing(feed.changes()) as changes:
                async for change in changes:
                    yield change
        finally:
            self._feeds.remove(feed)

    async def close(self) -> None:
        """Stop following and writing; the bus stays open."""
        for feed in list(self._feeds):
            feed.close()
        await self._writes.close()

    def _encode(self, obj: Object) -> bytes:
        data = codec.pack_stored(obj)
        most = min(OBJECT_BYTES_MAX, self._bus.max_payload_bytes - HEADER_BYTES_MAX)
        if len(data) > most:
            raise ObjectTooLarge(f"the object is {len(data)} bytes, over the {most} allowed")
        return data


def _key(obj: Object) -> str:
    return subjects.object_key(catalog.of(obj), obj.metadata.namespace, obj.metadata.name)
