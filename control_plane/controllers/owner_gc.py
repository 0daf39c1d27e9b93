"""Owner garbage collection: what exists only for others goes when they are gone.

A key is a uid. For an object that exists it is asked, as a *dependent*, whether its owners are still there, and as an
*owner* that is being deleted, whether its dependents were dealt with:

- All owners gone: the dependent is deleted. Some gone: the dangling references are dropped.
- Foreground (`foregroundDeletion`): dependents are deleted first; the owner is let go when none is left that blocks.
- Orphan (`orphan`): the references of the dependents are dropped, then the owner is let go.
- Background needs nothing here but the first rule: the owner is gone at once.

An owner is *there* if an object has the reference's uid, kind and name, in the dependent's namespace or in none. So an
owner in another namespace is no owner: the reference is refused, with an event. Since all kinds are in one order of
revisions, an owner that is absent from the snapshot is gone for good, and no second look is needed.

A reference that cannot be judged (a kind that the catalog does not have, or a cluster-scoped dependent with an owner
in a namespace) keeps the dependent alive.

Cycles: objects that own each other live on while nothing else is deleted; when one of them is deleted in the
foreground, the others' references stop blocking, so that both can end.

Reads: objects of all kinds, by uid and by owner. Writes: deletes dependents; owner references; the two finalizers.

Source: Kubernetes `pkg/controller/garbagecollector` (attemptToDeleteItem, processDeletingDependentsItem).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import islice
from typing import Literal

from control_plane.controllers.kinds import dependents_of, watch_all
from control_plane.plan import Action, Delete, Emit, Key, Plan, Snapshot, Update, Watch
from proto import catalog
from proto.objects.meta import Object, OwnerReference, evolve

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
BURST = 500


class Owner(Enum):
    """What became of an owner."""

    SOLID = "solid"
    ABSENT = "absent"
    ELSEWHERE = "in_another_namespace"
    WAITING = "waits_for_its_dependents"


@dataclass(frozen=True, slots=True)
class OwnershipView:
    """An object among its owners and dependents.

    `blocked`: being deleted in the foreground, it must wait for a dependent. `to_orphan`: being deleted with the orphan
    finalizer, the dependents to free, at most a burst. `has_dependents` and `in_cycle` (one of them waits for it) are
    told where an owner waits.
    """

    object: Object
    owners: tuple[tuple[OwnerReference, Owner], ...]
    blocked: bool = False
    to_orphan: tuple[Object, ...] = ()
    has_dependents: bool = False
    in_cycle: bool = False


def _keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The uids that a change concerns; none for a change that touches neither references nor life and death."""
    if new is None:
        return () if old is None else _removal_keys(old, snapshot)
    meta = new.metadata
    if old is None:
        return _uid_keys([meta.uid] if _is_of_interest(new, snapshot) else [])
    before = old.metadata
    if (before.owner_references, before.finalizers, old.deleting) == (
        meta.owner_references, meta.finalizers, new.deleting,
    ):  # fmt: skip
        return ()
    uids = [meta.uid, *(ref.uid for ref in before.owner_references)]
    if new.deleting and FOREGROUND in meta.finalizers:
        uids += [dependent.metadata.uid for dependent in dependents_of(snapshot, meta.uid)]
    return _uid_keys(uids)


def _is_of_interest(new: Object, snapshot: Snapshot) -> bool:
    """Whether anything may be to do for an object that came; nearly all that come have their owners, and stay."""
    if new.deleting:
        return bool(new.metadata.owner_references or new.metadata.finalizers)
    return any(_judge(snapshot, new, ref) is not Owner.SOLID for ref in new.metadata.owner_references)


def _removal_keys(gone: Object, snapshot: Snapshot) -> Iterable[Key]:
    """Of an object that is gone: those it owned, and those that owned it (they may have waited for it)."""
    dependents = [dependent.metadata.uid for dependent in dependents_of(snapshot, gone.metadata.uid)]
    return _uid_keys([*dependents, *(ref.uid for ref in gone.metadata.owner_references)])


def _uid_keys(uids: Iterable[str]) -> Iterable[Key]:
    return {Key("", uid): None for uid in uids}


class OwnerGarbageController:
    """Deletes what lost all its owners, and lets owners go in the order that was asked for."""

    name = "owner-gc"
    watches: tuple[Watch, ...] = watch_all(_keys)

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> OwnershipView | None:
        """One object among its owners and dependents; None if it is gone."""
        obj = snapshot.by_uid(key.name)
        if obj is None:
            return None
        owners = tuple((ref, _judge(snapshot, obj, ref)) for ref in obj.metadata.owner_references)
        if obj.deleting:
            blocked = FOREGROUND in obj.metadata.finalizers and any(_blocking(snapshot, obj))
            others = _others_of(snapshot, obj) if ORPHAN in obj.metadata.finalizers else ()
            return OwnershipView(obj, owners, blocked, tuple(islice(others, BURST)))
        if not any(state is Owner.WAITING for _, state in owners):
            return OwnershipView(obj, owners)
        mine = tuple(dependents_of(snapshot, obj.metadata.uid))
        return OwnershipView(obj, owners, has_dependents=bool(mine), in_cycle=any(map(_ends_in_foreground, mine)))

    def reconcile(self, view: OwnershipView) -> Plan:
        """As an owner that is being deleted, or as a dependent."""
        if not view.object.deleting:
            return Plan(_as_dependent(view))
        if ORPHAN in view.object.metadata.finalizers:
            return _orphaning(view)
        if FOREGROUND in view.object.metadata.finalizers and not view.blocked:
            return Plan((_let_go(view.object, FOREGROUND, "dependents_gone"),))
        return Plan()


def _judge(snapshot: Snapshot, dependent: Object, ref: OwnerReference) -> Owner:
    """What became of the owner that `ref` names."""
    kind = catalog.by_gvk(ref.api_version, ref.kind)
    if kind is None or (kind.namespaced and not dependent.metadata.namespace):
        return Owner.SOLID
    owner = snapshot.by_uid(ref.uid)
    if owner is None or (owner.KIND, owner.metadata.name) != (ref.kind, ref.name):
        return Owner.ABSENT
    if kind.namespaced and owner.metadata.namespace != dependent.metadata.namespace:
        return Owner.ELSEWHERE
    return Owner.WAITING if _ends_in_foreground(owner) else Owner.SOLID


def _ends_in_foreground(obj: Object) -> bool:
    return obj.deleting and FOREGROUND in obj.metadata.finalizers


def _others_of(snapshot: Snapshot, obj: Object) -> Iterator[Object]:
    """Its dependents; an object that owns itself waits for nobody."""
    return (each for each in dependents_of(snapshot, obj.metadata.uid) if each.metadata.uid != obj.metadata.uid)


def _blocking(snapshot: Snapshot, obj: Object) -> Iterator[Object]:
    """Its dependents that it must wait for."""
    uid = obj.metadata.uid
    for dependent in _others_of(snapshot, obj):
        if any(ref.uid == uid and ref.block_owner_deletion for ref in dependent.metadata.owner_references):
            yield dependent


def _as_dependent(view: OwnershipView) -> tuple[Action, ...]:
    """Nothing while all owners are there; fewer references while one is; otherwise the end."""
    obj = view.object
    solid = tuple(ref for ref, state in view.owners if state is Owner.SOLID)
    if len(solid) == len(view.owners):
        return ()
    refusals = tuple(_refusal(obj, ref) for ref, state in view.owners if state is Owner.ELSEWHERE)
    if solid:
        return (Update(evolve(obj, **{"metadata.owner_references": solid}), "owner_gone"), *refusals)
    if view.has_dependents:
        if view.in_cycle and any(ref.block_owner_deletion for ref, _ in view.owners):
            # The one that waits for this object is waited for by it: stop blocking, or neither ever ends.
            free = tuple(evolve(ref, block_owner_deletion=False) for ref, _ in view.owners)
            return (Update(evolve(obj, **{"metadata.owner_references": free}), "owners_in_cycle"),)
        return (Delete(obj, "owner_waits", propagation="Foreground"), *refusals)
    return (Delete(obj, "owners_gone", propagation=_own_wish(obj)), *refusals)


def _own_wish(obj: Object) -> Literal["Background", "Foreground", "Orphan"]:
    """How a dependent's own dependents are to be treated: as its finalizers say (Kubernetes: the same)."""
    if ORPHAN in obj.metadata.finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in obj.metadata.finalizers else "Background"


def _refusal(obj: Object, ref: OwnerReference) -> Emit:
    message = f"ownerRef [{ref.api_version}/{ref.kind}, name: {ref.name}, uid: {ref.uid}] does not exist in namespace "
    return Emit(obj, "OwnerRefInvalidNamespace", f'{message}"{obj.metadata.namespace}"', "Warning")


def _orphaning(view: OwnershipView) -> Plan:
    """Orphan: free the dependents, a burst at a time; then let the owner go."""
    uid = view.object.metadata.uid
    if not view.to_orphan:
        return Plan((_let_go(view.object, ORPHAN, "dependents_orphaned"),))
    updates = []
    for dependent in view.to_orphan:
        others = tuple(ref for ref in dependent.metadata.owner_references if ref.uid != uid)
        updates.append(Update(evolve(dependent, **{"metadata.owner_references": others}), "orphaned"))
    return Plan(tuple(updates), 0.0)


def _let_go(obj: Object, finalizer: str, reason: str) -> Update:
    kept = tuple(name for name in obj.metadata.finalizers if name != finalizer)
    return Update(evolve(obj, **{"metadata.finalizers": kept}), reason)
