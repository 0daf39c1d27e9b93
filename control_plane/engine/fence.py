"""A store that refuses to write once the term of leadership is over.

A leader that was stopped for a while (SIGSTOP, a paused virtual machine) may wake up in the middle of a plan, before
any of its timers had a chance to tell it that its time is up. So every write of a leader asks the clock first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from control_plane.store.port import Change, Store, StoreUnavailable
from proto.objects.meta import Object


class FencedStore:
    """`store`, as long as `held()` says yes."""

    def __init__(self, store: Store, held: Callable[[], bool]):
        self._store = store
        self._held = held

    async def put(self, obj: Object, expected_revision: int) -> int:
        """See `Store.put`; raises `StoreUnavailable` after the term."""
        self._check()
        return await self._store.put(obj, expected_revision)

    async def delete(self, obj: Object, expected_revision: int) -> int:
        """See `Store.delete`; raises `StoreUnavailable` after the term."""
        self._check()
        return await self._store.delete(obj, expected_revision)

    async def confirm(self, obj: Object) -> None:
        """See `Store.confirm`; raises `StoreUnavailable` after the term."""
        self._check()
        await self._store.confirm(obj)

    def follow(self) -> AsyncGenerator[Change, None]:
        """See `Store.follow`."""
        return self._store.follow()

    async def close(self) -> None:
        """Nothing: the store belongs to the program, not to the term."""

    def _check(self) -> None:
        if not self._held():
            raise StoreUnavailable("this replica does not lead any more")
