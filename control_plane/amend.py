"""Read, change, compare-and-swap, and again if someone else was faster.

For writers who own a part of an object (a condition, a status, a label) and do not mind what the rest became: the
hub, the event recorder, the scheduler's conditions. Controllers do not use it: their plans stand on what they saw.

*Reads*: the mirror. *Writes*: whole objects through the store, each against the revision it was made from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from control_plane.plan import Snapshot
from control_plane.store.deletion import Removal
from control_plane.store.port import RevisionMismatch, Store, StoreUnavailable
from proto.objects.meta import Object, evolve

Obj = TypeVar("Obj", bound=Object)

ATTEMPTS_MAX = 8
CATCH_UP_S = 1.0


class LiveSnapshot(Snapshot, Protocol):
    """A snapshot that moves on, such as the mirror."""

    async def wait_for(self, revision: int, timeout_s: float) -> bool:
        """Wait until it has reached `revision`; False if it has not in time."""
        ...


class Amender:
    """Amends objects, at most `writes_max` at a time."""

    def __init__(self, store: Store, mirror: LiveSnapshot, *, writes_max: int = 256):
        self._store = store
        self._mirror = mirror
        self._room = asyncio.Semaphore(writes_max)

    async def amend(
        self,
        kind: type[Obj],
        namespace: str,
        name: str,
        change: Callable[[Obj], Obj | Removal | None],
        *,
        sure: bool = False,
    ) -> Obj | None:
        """Let `change` make the new state from the newest one; the state in force afterwards, or None if it is gone.

        `change` may be called several times; None or the same object from it means: nothing to do; a `Removal`: take
        the object out of the store. `sure`: ask the store before answering that there was nothing to do, because
        the mirror may be behind and somebody is told that it is so.

        Raises:
            StoreUnavailable | OutcomeUnknown | ObjectTooLarge
        """
        async with self._room:
            for _ in range(ATTEMPTS_MAX):
                old = self._mirror.get(kind, namespace, name)
                if old is None:
                    return None
                new = change(old)
                nothing_to_do = new is None or new is old
                if nothing_to_do and not sure:
                    return old
                try:
                    if new is None or nothing_to_do:
                        await self._store.confirm(old)
                        return old
                    revision = await self._write(new, old.metadata.revision)
                except RevisionMismatch:
                    await self._mirror.wait_for(self._mirror.revision + 1, CATCH_UP_S)
                    continue
                await self._mirror.wait_for(revision, CATCH_UP_S)
                if isinstance(new, Removal):
                    return None
                return evolve(new, **{"metadata.resource_version": str(revision)})
        raise StoreUnavailable(f"{kind.KIND} {namespace}/{name} changes faster than it can be amended")

    async def create(self, obj: Object) -> int | None:
        """Store a new object; its revision, or None if one of that name is there.

        Raises:
            StoreUnavailable | OutcomeUnknown | ObjectTooLarge
        """
        async with self._room:
            try:
                revision = await self._store.put(obj, 0)
            except RevisionMismatch:
                await self._mirror.wait_for(self._mirror.revision + 1, CATCH_UP_S / 10)
                return None
            await self._mirror.wait_for(revision, CATCH_UP_S)
            return revision

    async def _write(self, new: Object | Removal, seen_revision: int) -> int:
        if isinstance(new, Removal):
            return await self._store.delete(new.object, seen_revision)
        return await self._store.put(new, seen_revision)
