"""Writing to the store by compare-and-swap, and its failures in the words of the API.

After a write the replica waits (briefly) until its own mirror has it, so that whoever asks the same replica next sees
what he wrote.

*Writes*: whole objects through the store. *Reads*: the mirror's revision. Never decides what to write.
"""

from __future__ import annotations

from typing import TypeVar

from control_plane.api.options import parse_revision
from control_plane.store.mirror import Mirror
from control_plane.store.port import (
    OBJECT_BYTES_MAX,
    ObjectTooLarge,
    OutcomeUnknown,
    RevisionMismatch,
    Store,
    StoreError,
    StoreUnavailable,
)
from proto import catalog
from proto.catalog import Kind
from proto.errors import ApiError, Conflict, InternalError, RequestTooLarge, Timeout, Unavailable
from proto.objects.meta import Object, ObjectMeta, evolve

Obj = TypeVar("Obj", bound=Object)

OWN_WRITE_S = 1.0
NEXT_CHANGE_S = 0.25
ATTEMPTS_MAX = 20
"""How often a write that names no revision is made again on a newer state; each time someone else has won."""


class Committer:
    """Puts objects into the store and takes them out."""

    def __init__(self, store: Store, mirror: Mirror):
        self._store = store
        self._mirror = mirror

    async def put(self, obj: Obj, expected_revision: int) -> Obj:
        """Write; the object with its new revision.

        Raises:
            RevisionMismatch: it is at another revision; the caller knows what that means.
            RequestTooLarge | Unavailable | Timeout
        """
        try:
            revision = await self._store.put(obj, expected_revision)
        except RevisionMismatch:
            raise
        except StoreError as error:
            raise told(error) from None
        await self._mirror.wait_for(revision, OWN_WRITE_S)
        return evolve(obj, **{"metadata.resource_version": str(revision)})

    async def confirm(self, obj: Obj) -> Obj:
        """Nothing is to be changed: the object, once the store has said that it is still the newest state.

        A mirror may be behind (its replica was frozen, or cut off), and then "nothing to change" would be a promise
        that somebody else's later write has broken already (Kubernetes: GuaranteedUpdate, stale cache).

        Raises:
            RevisionMismatch: it is at another revision.
            Unavailable
        """
        try:
            await self._store.confirm(obj)
        except RevisionMismatch:
            raise
        except StoreError as error:
            raise told(error) from None
        return obj

    async def delete(self, obj: Object) -> None:
        """Take it out, at the revision it has.

        Raises:
            RevisionMismatch | Unavailable | Timeout
        """
        try:
            revision = await self._store.delete(obj, obj.metadata.revision)
        except RevisionMismatch:
            raise
        except StoreError as error:
            raise told(error) from None
        await self._mirror.wait_for(revision, OWN_WRITE_S)

    async def await_news(self) -> None:
        """Someone else was faster: wait until the mirror has seen it, or for a moment."""
        await self._mirror.wait_for(self._mirror.revision + 1, NEXT_CHANGE_S)


def modified(kind: Kind, name: str) -> Conflict:
    """The refusal of a write that was made from an older state."""
    return Conflict(
        f'Operation cannot be fulfilled on {kind.qualified_resource} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again",
        details={"name": name, "kind": kind.resource},
    )


def precondition_failed(kind: Kind, name: str, word: str, wanted: str, found: str) -> Conflict:
    """The refusal of a write that named a UID or ResourceVersion (`word`) which is not the object's."""
    return Conflict(
        f'Operation cannot be fulfilled on {kind.qualified_resource} "{name}": Precondition failed: '
        f"{word} in precondition: {wanted:.80}, {word} in object meta: {found}",
        details={"name": name, "kind": kind.resource},
    )


def check_preconditions(wanted: ObjectMeta, old: Object) -> None:
    """A uid and a resourceVersion that a writer names, if any, must be those of the newest state.

    Raises:
        Conflict: the object has moved on, or is another one of the same name.
        BadRequest: the API never gave such a resourceVersion.
    """
    kind, name = catalog.of(old), old.metadata.name
    if wanted.uid and wanted.uid != old.metadata.uid:
        raise precondition_failed(kind, name, "UID", wanted.uid, old.metadata.uid)
    if parse_revision(wanted.resource_version, "metadata.resourceVersion") not in (0, old.metadata.revision):
        raise modified(kind, name)


def told(error: StoreError) -> ApiError:
    """A failure of the store, as the API tells it."""
    match error:
        case ObjectTooLarge():
            return RequestTooLarge(f"the object is too large, at most {OBJECT_BYTES_MAX} bytes are stored")
        case StoreUnavailable():
            return Unavailable("the store cannot write at the moment, nothing was changed; try again")
        case OutcomeUnknown():
            return Timeout(
                "the store did not acknowledge the write: whether it took effect is unknown, read before you repeat it"
            )
        case _:
            return InternalError(f"the store failed: {error}")
