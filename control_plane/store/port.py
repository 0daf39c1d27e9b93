"""What a store does: compare-and-swap writes and one ordered feed over all kinds.

Revisions are the stream's sequence numbers: one total order over all objects. A write names the revision that it
replaces (0: there is nothing yet), and either takes effect entirely and is durable when acknowledged, or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from proto.objects.meta import Object


class StoreError(Exception):
    """The store did not do it."""


class RevisionMismatch(StoreError):
    """The object is at another revision than the write named; nothing was changed."""


class StoreUnavailable(StoreError):
    """The store cannot write now (it elects, it is away); nothing was changed."""


class OutcomeUnknown(StoreError):
    """No acknowledgement came and reading back did not settle it: the write may or may not have happened."""


class ObjectTooLarge(StoreError):
    """The encoded object is over `OBJECT_BYTES_MAX`."""


OBJECT_BYTES_MAX = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the feed.

    `object` is the state that was written or, for a deletion, the last state before it, in either case carrying
    `revision` as its resourceVersion. `type` "synced" (without an object) marks that everything which was in the
    store when the feed began, or began again, has been told. `reset` begins a full resend after the store's stream
    was replaced or too much was missed: whatever is not told again until "synced" is gone.
    """

    type: Literal["put", "delete", "synced", "reset"]
    revision: int
    object: Object | None = None


class Store(Protocol):
    """Where the objects are."""

    async def put(self, obj: Object, expected_revision: int) -> int:
        """Write `obj` if its key is at `expected_revision` (0: absent or deleted); the new revision.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown | ObjectTooLarge
        """
        ...

    async def delete(self, obj: Object, expected_revision: int) -> int:
        """Delete it if it is at `expected_revision`; `obj` is its last state, kept in the feed. Returns the revision.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown
        """
        ...

    async def confirm(self, obj: Object) -> None:
        """Make sure that `obj`, as the mirror shows it, is still the newest state of its key: asks the store itself.

        For whoever is about to promise something because of what he has read, without writing.

        Raises:
            RevisionMismatch | StoreUnavailable
        """
        ...

    def follow(self) -> AsyncGenerator[Change, None]:
        """The feed: first all there is (in revision order), then "synced", then every change, in order, each once.

        After a break it goes on behind the last revision that was told. States that were superseded before they
        could be told may be skipped (only the last state of an object is kept); order is never broken and nothing is
        repeated.
        """
        ...

    async def close(self) -> None:
        """Stop following."""
        ...


class LeaderKeys(Protocol):
    """The key with a time to live that election stands on; see `control_plane.engine.election`."""

    async def acquire(self, holder: str, ttl_s: float) -> int | None:
        """Take the key if nobody holds it; the revision to renew with, or None if it is held."""
        ...

    async def renew(self, holder: str, revision: int, ttl_s: float) -> int | None:
        """Keep it; the new revision, or None if it was lost.

        Raises:
            StoreUnavailable | OutcomeUnknown: not known now; try again until the own deadline.
        """
        ...

    async def release(self, revision: int) -> None:
        """Give it up, so that another can take it at once."""
        ...

    async def next_epoch(self) -> int:
        """Advance and return the epoch: grows with every leadership."""
        ...

    async def holder(self) -> str | None:
        """Who holds the key now."""
        ...
