"""The mirror: a copy of all objects in memory, indexed, that follows the store and answers every read.

Enter: the store's changes, in their one order. Leave: snapshots for controllers (reading the mirror synchronously is
the snapshot: nothing changes until the caller awaits), lists for the API, and events for watches and work queues.

Each object is decoded once and shared; it is frozen, so nobody copies it. Every change costs O(what changed).

How a watch misses nothing and repeats nothing: changes come in order, each once (see `control_plane.store.port`), and
an event is made only of a difference between what is held and what comes. States that were superseded while the store
was away are skipped, as the store keeps only the last; that an object was deleted and made again meanwhile is seen by
its uid, and told as a removal and an addition. When the store resends everything (`reset`), the resend is compared
with what is held: what did not change makes no event, what is not resent was removed.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Self, TypeVar, cast

from control_plane.store.history import NOTHING_YET, History, MirrorEvent
from control_plane.store.index import KindIndex
from control_plane.store.port import Change, Store
from proto import catalog
from proto.catalog import Kind
from proto.clock import Clock, SystemClock
from proto.errors import Expired
from proto.objects.meta import LabelSelector, Object, evolve
from proto.objects.pod import Pod

__all__ = ["Mirror", "MirrorEvent"]

log = logging.getLogger(__name__)

Obj = TypeVar("Obj", bound=Object)
Listener = Callable[[MirrorEvent], None]

BURST_MAX = 256
"""After so many changes in a row the loop gets a turn, so that loading never blocks it."""


REMOVED_MAX = 10_000
"""How many removed objects are remembered by their uid: more than quotas wait for at a time."""


class Mirror:
    """Follows `store`; a `Snapshot` at every moment."""

    def __init__(self, store: Store | None = None, *, history: int = 50_000, clock: Clock | None = None):
        self._store = store
        self._kinds: dict[str, KindIndex] = {kind.kind: KindIndex() for kind in catalog.KINDS}
        self._uids: dict[str, Object] = {}
        self._removed: dict[str, None] = {}
        self._history = History(history, clock or SystemClock())
        self._listeners: dict[str, list[Listener]] = {kind.kind: [] for kind in catalog.KINDS}
        self._revision = 0
        self._untold: set[tuple[str, tuple[str, str]]] = set()
        self._synced = asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._tickets = itertools.count()

    @classmethod
    def of(cls, *objects: Object) -> Self:
        """A mirror that holds `objects`, without a store: the snapshot that pure tests need.

        Objects without a resourceVersion get one.
        """
        mirror = cls()
        for obj in objects:
            revision = obj.metadata.revision or mirror.revision + 1
            mirror.apply(Change("put", revision, obj if obj.metadata.revision else _at(obj, revision)))
        mirror.apply(Change("synced", mirror.revision))
        return mirror

    # Following

    async def run(self) -> None:
        """Follow the store until it is closed."""
        assert self._store is not None, "a mirror without a store has nothing to follow"
        burst = 0
        async for change in self._store.follow():
            self.apply(change)
            burst += 1
            if burst % BURST_MAX == 0:
                await asyncio.sleep(0)

    def apply(self, change: Change) -> None:
        """Take one change in, and tell the listeners."""
        match change.type:
            case "put":
                assert change.object is not None
                self._put(change.object, change.revision)
            case "delete":
                assert change.object is not None
                self._untold.discard((change.object.KIND, change.object.key))
                self._remove(change.object, change.revision)
            case "reset":
                self._begin_again()
            case "synced":
                self._finish_load(change.revision)
        if change.revision > self._revision:
            self._revision = change.revision
        self._release_waiting()

    @property
    def synced(self) -> bool:
        """Whether the mirror holds everything that was in the store when it began, or began again, to follow."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Wait until `synced`."""
        await self._synced.wait()

    async def wait_for(self, revision: int, timeout_s: float) -> bool:
        """Wait until the change with `revision` is in; False if that takes longer than `timeout_s`."""
        if self._revision >= revision:
            return True
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, next(self._tickets), arrived))
        try:
            async with asyncio.timeout(timeout_s):
                await arrived
        except TimeoutError:
            return False
        return True

    def subscribe(self, listener: Listener, kinds: Iterable[str] | None = None) -> Callable[[], None]:
        """Call `listener` with every event of `kinds` (None: of all) from now on, in order, at once.

        Returns what ends that. A listener must be quick and must not raise.
        """
        told = [self._listeners[kind] for kind in (self._listeners if kinds is None else kinds)]
        for listeners in told:
            listeners.append(listener)

        def end() -> None:
            for listeners in told:
                listeners.remove(listener)

        return end

    def events_since(self, revision: int, kind: Kind) -> list[MirrorEvent]:
        """The events of `kind` behind `revision`, oldest first.

        Raises:
            proto.errors.Expired: some of them are not held any more, or `revision` has not come yet (wait for it
                first: if it does not come, it is of a stream that was replaced).
        """
        if revision > self._revision:
            raise Expired(f"unknown resource version: {revision} (the newest is {self._revision})")
        return self._history.since(revision, kind)

    def first_revision(self, kind: Kind) -> int:
        """The oldest revision that a watch of `kind` can resume from."""
        return self._history.floor(kind)

    # Reading

    @property
    def revision(self) -> int:
        """The revision of the last change that is in."""
        return self._revision

    def get(self, kind: type[Obj], namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        return cast("Obj | None", self._kinds[kind.KIND].objects.get((namespace, name)))

    def list(self, kind: type[Obj], namespace: str | None = None) -> Iterable[Obj]:
        """All of a kind, in one namespace or (None) in all."""
        index = self._kinds[kind.KIND]
        found = [*index.objects.values()] if namespace is None else index.having("ns", namespace)
        return cast("Iterable[Obj]", found)

    def by_owner(self, kind: type[Obj], owner_uid: str) -> Iterable[Obj]:
        """Those with an owner reference to that uid."""
        return cast("Iterable[Obj]", self._kinds[kind.KIND].having("owner", owner_uid))

    def by_node(self, node: str) -> Iterable[Pod]:
        """The pods that are bound to a node."""
        return cast("Iterable[Pod]", self._kinds[Pod.KIND].having("node", node))

    def by_selector(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """Those that a label selector chooses; an empty selector chooses all in the namespace."""
        return cast("Iterable[Obj]", self._kinds[kind.KIND].selected(namespace, selector))

    def orphans(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """Those that a label selector chooses and no owner controls."""
        return cast("Iterable[Obj]", self._kinds[kind.KIND].orphans(namespace, selector))

    def selecting(self, kind: type[Obj], namespace: str, labels: Mapping[str, str]) -> Iterable[Obj]:
        """Those whose own selector chooses an object with these labels."""
        return cast("Iterable[Obj]", self._kinds[kind.KIND].selecting(namespace, labels))

    def by_uid(self, uid: str) -> Object | None:
        """The object of that uid, of whatever kind."""
        return self._uids.get(uid)

    def was_removed(self, uid: str) -> bool:
        """Whether an object of that uid was there and was removed, as far back as that is remembered."""
        return uid in self._removed

    # Changing

    def _put(self, obj: Object, revision: int) -> None:
        self._untold.discard((obj.KIND, obj.key))
        index = self._kinds[obj.KIND]
        held = index.objects.get(obj.key)
        if held is not None and held.metadata.uid != obj.metadata.uid:
            # One revision earlier, so that a watch which breaks off between the two resumes with the addition.
            self._remove(held, revision - 1)
            held = None
        if held is not None and held.metadata.resource_version == obj.metadata.resource_version and held == obj:
            return
        index.put(obj)
        if obj.metadata.uid:
            self._uids[obj.metadata.uid] = obj
        self._tell("MODIFIED" if held is not None else "ADDED", held, obj, obj, revision)

    def _remove(self, last: Object, revision: int) -> None:
        held = self._kinds[last.KIND].remove(last.key)
        if held is None:
            return
        self._uids.pop(held.metadata.uid, None)
        self._remember_removal(held.metadata.uid)
        shown = last if last.metadata.uid == held.metadata.uid else held
        if shown.metadata.revision != revision:
            shown = _at(shown, revision)
        self._tell("DELETED", held, None, shown, revision)

    def _remember_removal(self, uid: str) -> None:
        self._removed[uid] = None
        if len(self._removed) > REMOVED_MAX:
            del self._removed[next(iter(self._removed))]

    def _begin_again(self) -> None:
        """Everything will be told again, perhaps with revisions that start anew."""
        self._synced.clear()
        self._untold = {(kind, key) for kind, index in self._kinds.items() for key in index.objects}
        self._history.restart(NOTHING_YET)
        self._revision = 0

    def _finish_load(self, revision: int) -> None:
        """What was held before a resend and was not told again is gone."""
        gone = [self._kinds[kind].objects[key] for kind, key in self._untold]
        self._untold = set()
        for held in sorted(gone, key=lambda obj: (obj.KIND, obj.key)):
            self._remove(held, revision)
        if not self._synced.is_set():
            self._history.restart(revision)
            self._synced.set()

    def _tell(
        self,
        type: Literal["ADDED", "MODIFIED", "DELETED"],
        old: Object | None,
        new: Object | None,
        shown: Object,
        revision: int,
    ) -> None:
        event = MirrorEvent(type, catalog.of(shown), old, new, shown, revision)
        self._history.add(event)
        for listener in tuple(self._listeners[event.kind.kind]):
            try:
                listener(event)
            except Exception:
                log.exception("listener_raised type=%s kind=%s key=%s", type, event.kind.kind, shown.key)

    def _release_waiting(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._revision:
            arrived = heapq.heappop(self._waiting)[2]
            if not arrived.done():
                arrived.set_result(None)


def _at(obj: Object, revision: int) -> Object:
    return evolve(obj, **{"metadata.resource_version": str(revision)})
