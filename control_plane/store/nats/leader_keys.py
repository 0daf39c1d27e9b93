"""The leader's key in JetStream, with a time to live, and the epoch beside it.

The server counts the time to live from the last write, in whole seconds, and may be 0.3 s late; after the death of a
JetStream leader it may be some seconds late. Never early: the holder may trust its own clock from *sending* a renewal.

A key that was released holds a marker until it expires; whoever acquires swaps the marker, so nobody waits for it.
"""

from __future__ import annotations

import math

from control_plane.store.nats.jetstream import TIME_TO_LIVE, Entry, JetStream, JetStreamRefusal
from control_plane.store.nats.store import OPEN_WITHIN_S, ensure_stream
from control_plane.store.nats.writes import DELETED, WRITE_ID, Writes
from control_plane.store.port import OutcomeUnknown, RevisionMismatch, StoreUnavailable
from proto import subjects
from proto.bus.nats import NatsBus
from proto.clock import Clock
from proto.ids import Ids, RandomIds

LEADER_KEY = subjects.leader_key("leader")
EPOCH_KEY = subjects.leader_key("epoch")
RELEASED = {DELETED: "1", TIME_TO_LIVE: "1s"}

ACK_WITHIN_S = 1.0
SETTLE_WITHIN_S = 1.5
"""Short, because the key itself lives for two seconds only."""


def leader_stream(replicas: int) -> dict[str, object]:
    """The stream of the leader's key and the epoch."""
    return {
        "name": subjects.LEADER_STREAM,
        "subjects": [f"{subjects.LEADER_PREFIX}.>"],
        "storage": "file",
        "num_replicas": replicas,
        "max_msgs_per_subject": 1,
        "allow_direct": False,
        "allow_msg_ttl": True,
    }


class NatsLeaderKeys:
    """A `LeaderKeys`. Made by `open`."""

    def __init__(self, jetstream: JetStream, clock: Clock, ids: Ids):
        self._jetstream = jetstream
        self._writes = Writes(
            jetstream,
            subjects.LEADER_STREAM,
            clock,
            ids,
            ack_within_s=ACK_WITHIN_S,
            settle_within_s=SETTLE_WITHIN_S,
        )
        self._doubtful: set[str] = set()

    @classmethod
    async def open(
        cls,
        bus: NatsBus,
        clock: Clock,
        *,
        replicas: int = 1,
        ids: Ids | None = None,
        within_s: float = OPEN_WITHIN_S,
    ) -> NatsLeaderKeys:
        """The keys on the server that `bus` is connected to.

        Raises:
            StoreUnavailable: JetStream does not answer within `within_s`, or refuses the stream.
        """
        jetstream = JetStream(bus)
        await ensure_stream(jetstream, clock, leader_stream(replicas), within_s)
        keys = cls(jetstream, clock, ids or RandomIds())
        await keys._writes.open()
        return keys

    async def acquire(self, holder: str, ttl_s: float) -> int | None:
        """Take the key if nobody holds it; the revision to renew with, or None if it is held."""
        return await self._hold(holder, 0, ttl_s)

    async def renew(self, holder: str, revision: int, ttl_s: float) -> int | None:
        """Keep the key; the new revision, or None if it was lost.

        Raises:
            StoreUnavailable | OutcomeUnknown: not known now; try again until the own deadline.
        """
        return await self._hold(holder, revision, ttl_s)

    async def release(self, revision: int) -> None:
        """Give the key up, so that another can take it at once; nothing happens if it was lost already."""
        try:
            await self._writes.swap(LEADER_KEY, b"", revision, RELEASED)
        except RevisionMismatch:
            pass

    async def next_epoch(self) -> int:
        """Advance and return the epoch."""
        while True:
            entry = await self._read(EPOCH_KEY)
            epoch = int(entry.data) + 1 if entry is not None else 1
            try:
                await self._writes.swap(EPOCH_KEY, str(epoch).encode(), entry.sequence if entry is not None else 0)
            except RevisionMismatch:
                continue  # Another replica advanced it in between.
            return epoch

    async def holder(self) -> str | None:
        """Who holds the key now."""
        entry = await self._read(LEADER_KEY)
        return entry.data.decode() if entry is not None and DELETED not in entry.headers else None

    async def close(self) -> None:
        """Stop; the key expires unless it was released."""
        await self._writes.close()

    async def _hold(self, holder: str, revision: int, ttl_s: float) -> int | None:
        """Swap the key at `revision`, or at that of an earlier write of ours whose outcome was unknown."""
        held = await self._swap(holder, revision, ttl_s)
        if held is not None or not self._doubtful:
            return held
        entry = await self._read(LEADER_KEY)
        if entry is None or entry.headers.get(WRITE_ID) not in self._doubtful:
            return None
        return await self._swap(holder, entry.sequence, ttl_s)

    async def _swap(self, holder: str, revision: int, ttl_s: float) -> int | None:
        """Swap the key at `revision`; None if it is at another."""
        write_id = self._writes.new_id()
        headers = {TIME_TO_LIVE: f"{max(1, math.ceil(ttl_s))}s"}
        try:
            held = await self._writes.swap(LEADER_KEY, holder.encode(), revision, headers, write_id=write_id)
        except RevisionMismatch:
            return None
        except OutcomeUnknown:
            self._doubtful.add(write_id)
            raise
        self._doubtful.clear()
        return held

    async def _read(self, key: str) -> Entry | None:
        try:
            return await self._jetstream.last_entry(subjects.LEADER_STREAM, key)
        except JetStreamRefusal as refusal:
            raise StoreUnavailable(str(refusal)) from None
