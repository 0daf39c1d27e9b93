"""All kinds alike: for the controllers that look after objects of whatever kind.

Reads: the catalog. Writes: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from control_plane.plan import Key, Snapshot, Watch
from proto import catalog
from proto.objects.meta import Object


def watch_all(
    keys: Callable[[Object | None, Object | None, Snapshot], Iterable[Key]], *, namespaced_only: bool = False
) -> tuple[Watch, ...]:
    """A watch on every kind that is stored."""
    return tuple(Watch(kind.model, keys) for kind in catalog.KINDS if kind.namespaced or not namespaced_only)


def dependents_of(snapshot: Snapshot, uid: str) -> Iterator[Object]:
    """All objects with an owner reference to `uid`; O(kinds + result)."""
    for kind in catalog.KINDS:
        yield from snapshot.by_owner(kind.model, uid)
