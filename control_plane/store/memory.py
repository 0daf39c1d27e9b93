"""The store inside one process, with faults that a test switches on.

`MemoryStoreServer` plays JetStream: it holds the objects, their revisions and the leader's key. Each control plane
has a `MemoryStore`, its own connection, with faults of its own: it may be away, lose acknowledgements, or tell its
feed late. Objects go through the stored form, so that what is read back is what a real store would give.

All waiting is the event loop's, so time may be virtual. Never here: chance.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from control_plane.store.port import (
    OBJECT_BYTES_MAX,
    Change,
    ObjectTooLarge,
    OutcomeUnknown,
    RevisionMismatch,
    StoreUnavailable,
)
from proto import catalog, codec, subjects
from proto.objects.meta import Object

RECENT_MAX = 10_000
"""How many changes are kept for followers as they happened; who is further behind misses superseded states."""


def key_of(obj: Object) -> str:
    """The key (subject) that an object is stored under."""
    return subjects.object_key(catalog.of(obj), obj.metadata.namespace, obj.metadata.name)


@dataclass(slots=True)
class LeaderRecord:
    """The leader's key: who holds it, at which revision, until when on the loop's clock."""

    holder: str
    revision: int
    expires_s: float


@dataclass(slots=True)
class MemoryStoreServer:
    """What several control planes share. `unavailable` refuses all writes, as while JetStream elects."""

    unavailable: bool = False
    incarnation: int = 1
    revision: int = 0
    epoch: int = 0
    leader: LeaderRecord | None = None
    leader_revision: int = 0
    last: dict[str, Change] = field(default_factory=dict)
    """The last change of each key, in the order of revisions; a deletion stays as a tombstone."""
    recent: deque[Change] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    followers: list[asyncio.Event] = field(default_factory=list)

    def write(self, obj: Object, expected_revision: int, type: Literal["put", "delete"]) -> int:
        """One compare-and-swap; the new revision."""
        data = codec.pack_stored(obj)
        if len(data) > OBJECT_BYTES_MAX:
            raise ObjectTooLarge(f"the object is {len(data)} bytes, over the {OBJECT_BYTES_MAX} allowed")
        key = key_of(obj)
        held = self.last.get(key)
        revision = held.revision if held is not None and held.type == "put" else 0
        if revision != expected_revision:
            raise RevisionMismatch(f"{key} is at revision {revision}, not at {expected_revision}")
        self.revision += 1
        stored = codec.unpack_stored(data, self.revision)
        change = Change(type, self.revision, stored)
        self.last.pop(key, None)
        self.last[key] = change
        self.recent.append(change)
        self.wake()
        return self.revision

    def after(self, revision: int) -> list[Change]:
        """The changes behind `revision`: as they happened if that is still known, else the last of each object."""
        if self.recent and self.recent[0].revision <= revision + 1:
            start = revision + 1 - self.recent[0].revision
            return [self.recent[index] for index in range(start, len(self.recent))]
        return [change for change in self.last.values() if change.revision > revision]

    def all(self) -> list[Change]:
        """What there is, in the order of revisions."""
        return [change for change in self.last.values() if change.type == "put"]

    def restart(self) -> None:
        """Followers lose their place in the stream and find it again; superseded states are gone."""
        self.recent.clear()
        self.wake()

    def replace(self) -> None:
        """The stream is deleted and made anew: empty, and revisions begin again."""
        self.incarnation += 1
        self.revision = 0
        self.last.clear()
        self.recent.clear()
        self.wake()

    def wake(self) -> None:
        """Let all followers look."""
        for follower in self.followers:
            follower.set()


class MemoryStore:
    """One connection to a `MemoryStoreServer`; a `Store`.

    Faults: `away` (nothing gets through), `lose_acks` (so many next writes happen, but the writer is not told),
    `feed_delay_s` (the feed is told late).
    """

    def __init__(self, server: MemoryStoreServer | None = None):
        self.server = server or MemoryStoreServer()
        self.lose_acks = 0
        self.feed_delay_s = 0.0
        self._away = False
        self._closed = False
        self._wakers: list[asyncio.Event] = []

    @property
    def away(self) -> bool:
        """Whether the server is out of reach."""
        return self._away

    @away.setter
    def away(self, value: bool) -> None:
        self._away = value
        self._wake()

    async def put(self, obj: Object, expected_revision: int) -> int:
        """Write `obj` if its key is at `expected_revision`.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown | ObjectTooLarge
        """
        return await self._write(obj, expected_revision, "put")

    async def delete(self, obj: Object, expected_revision: int) -> int:
        """Delete it if it is at `expected_revision`.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown
        """
        return await self._write(obj, expected_revision, "delete")

    async def confirm(self, obj: Object) -> None:
        """Make sure that `obj` is still the newest state of its key.

        Raises:
            RevisionMismatch | StoreUnavailable
        """
        await asyncio.sleep(0)
        self.check_reachable()
        held = self.server.last.get(key_of(obj))
        if held is None or held.revision != obj.metadata.revision:
            raise RevisionMismatch(f"{key_of(obj)} is not at revision {obj.metadata.revision} any more")

    async def follow(self) -> AsyncGenerator[Change, None]:
        """The feed, as the port promises it."""
        waker, place = asyncio.Event(), _Place()
        self._wakers.append(waker)
        self.server.followers.append(waker)
        try:
            while not self._closed:
                waker.clear()
                for change in self._due(place):
                    yield change
                await waker.wait()
                if self.feed_delay_s:
                    await asyncio.sleep(self.feed_delay_s)
        finally:
            self._wakers.remove(waker)
            self.server.followers.remove(waker)

    async def close(self) -> None:
        """Stop following."""
        self._closed = True
        self._wake()

    def check_reachable(self) -> None:
        """Raise `StoreUnavailable` if nothing can be written now."""
        if self._away or self._closed or self.server.unavailable:
            raise StoreUnavailable("the store cannot be reached" if self._away else "the store cannot write now")

    def _due(self, place: _Place) -> list[Change]:
        """What is to be told next to the follower at `place`, which is moved on."""
        server, due = self.server, []
        if self._away:
            return []
        if place.incarnation not in (0, server.incarnation):
            due.append(Change("reset", 0))
        if place.incarnation != server.incarnation:
            place.incarnation = server.incarnation
            due += [*server.all(), Change("synced", server.revision)]
        else:
            due += server.after(place.told)
        place.told = server.revision
        return due

    async def _write(self, obj: Object, expected_revision: int, type: Literal["put", "delete"]) -> int:
        await asyncio.sleep(0)  # A real write takes a while; others go on meanwhile.
        self.check_reachable()
        if type == "delete" and not expected_revision:
            raise RevisionMismatch(f"{key_of(obj)} cannot be deleted at revision 0: there is nothing")
        revision = self.server.write(obj, expected_revision, type)
        await asyncio.sleep(0)
        if self.lose_acks:
            self.lose_acks -= 1
            raise OutcomeUnknown("no acknowledgement came")
        return revision

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()


@dataclass(slots=True)
class _Place:
    """Where a follower is: the stream it follows (0: none yet) and the last revision it was told."""

    incarnation: int = 0
    told: int = 0


class MemoryLeaderKeys:
    """The leader's key on a `MemoryStoreServer`, reached through `store` and its faults; a `LeaderKeys`."""

    def __init__(self, store: MemoryStore):
        self._store = store

    async def acquire(self, holder: str, ttl_s: float) -> int | None:
        """Take the key if nobody holds it."""
        server = await self._reach()
        return None if self._held(server) else self._write(server, holder, ttl_s)

    async def renew(self, holder: str, revision: int, ttl_s: float) -> int | None:
        """Keep the key if it is still at `revision`."""
        server = await self._reach()
        held = self._held(server)
        return self._write(server, holder, ttl_s) if held is not None and held.revision == revision else None

    async def release(self, revision: int) -> None:
        """Give the key up if it is still at `revision`."""
        server = await self._reach()
        held = self._held(server)
        if held is not None and held.revision == revision:
            server.leader = None

    async def next_epoch(self) -> int:
        """Advance and return the epoch."""
        server = await self._reach()
        server.epoch += 1
        return server.epoch

    async def holder(self) -> str | None:
        """Who holds the key now."""
        held = self._held(await self._reach())
        return held.holder if held is not None else None

    async def _reach(self) -> MemoryStoreServer:
        await asyncio.sleep(0)
        self._store.check_reachable()
        return self._store.server

    def _held(self, server: MemoryStoreServer) -> LeaderRecord | None:
        held = server.leader
        return held if held is not None and held.expires_s > asyncio.get_running_loop().time() else None

    def _write(self, server: MemoryStoreServer, holder: str, ttl_s: float) -> int:
        server.leader_revision += 1
        expires_s = asyncio.get_running_loop().time() + ttl_s
        server.leader = LeaderRecord(holder, server.leader_revision, expires_s)
        return server.leader_revision
