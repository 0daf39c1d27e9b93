"""Which children belong to a controller: adoption of orphans that its selector chooses, release of those it does not.

Reads: owner references and labels. Writes: `metadata.ownerReferences` of children, nothing else of them.

A child with another controlling owner is never touched. A controller that is being deleted neither adopts nor
releases. Only the revision that was seen is written, so of two controllers that want the same orphan one wins.

Source: Kubernetes `pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from control_plane.plan import Key, Snapshot, Update
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import LabelSelector, Object, evolve
from proto.objects.stateful_set import StatefulSet
from proto.selectors import matches

Child = TypeVar("Child", bound=Object)
SelectingOwner = ReplicaSet | Deployment | StatefulSet | DaemonSet


@dataclass(frozen=True, slots=True)
class Claims(Generic[Child]):
    """The children that are ours and match, those to adopt, and those to let go."""

    ours: tuple[Child, ...] = ()
    orphans: tuple[Child, ...] = ()
    strangers: tuple[Child, ...] = ()

    def updates(self, owner: Object) -> tuple[Update, ...]:
        """What makes them right: one update for each orphan and each stranger."""
        adopted = tuple(Update(_adopted(child, owner), "matches_selector") for child in self.orphans)
        released = tuple(Update(_released(child, owner), "selector_does_not_match") for child in self.strangers)
        return adopted + released


def selects_nothing(selector: LabelSelector) -> bool:
    """Whether a workload's selector is empty: it would choose everything, which is never meant."""
    return not selector.match_labels and not selector.match_expressions


def claim(
    snapshot: Snapshot,
    owner: SelectingOwner,
    kind: type[Child],
    counts: Callable[[Child], bool] = lambda child: not child.deleting,
) -> Claims[Child]:
    """Sort the children of `kind` around `owner`; only those that `counts` accepts are adopted or released."""
    uid, namespace, selector = owner.metadata.uid, owner.metadata.namespace, owner.spec.selector
    ours: list[Child] = []
    strangers: list[Child] = []
    for child in snapshot.by_owner(kind, uid):
        if not _is_controlled_by(child, uid) or child.metadata.namespace != namespace:
            continue
        if matches(selector, child.metadata.labels):
            ours.append(child)
        elif counts(child):
            strangers.append(child)
    if owner.deleting:
        return Claims(tuple(ours))
    orphans = tuple(filter(counts, snapshot.orphans(kind, namespace, selector)))
    return Claims(tuple(ours), orphans, tuple(strangers))


def _is_controlled_by(child: Object, uid: str) -> bool:
    for owner in child.metadata.owner_references:
        if owner.uid == uid:
            return bool(owner.controller)
    return False


def orphan_keys(
    kind: type[SelectingOwner],
) -> Callable[[Object | None, Object | None, Snapshot], Iterable[Key]]:
    """Keys of the owners that may want a child nobody controls: asked only when that, or its labels, changed."""

    def keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
        if new is None or new.deleting or new.metadata.controller is not None:
            return ()
        if old is not None and old.metadata.labels == new.metadata.labels and old.metadata.controller is None:
            return ()
        return [
            Key(*owner.key)
            for owner in snapshot.list(kind, new.metadata.namespace)
            if not selects_nothing(owner.spec.selector) and matches(owner.spec.selector, new.metadata.labels)
        ]

    return keys


def _adopted(child: Child, owner: Object) -> Child:
    others = tuple(ref for ref in child.metadata.owner_references if ref.uid != owner.metadata.uid)
    return evolve(child, **{"metadata.owner_references": (*others, owner.owner_reference())})


def _released(child: Child, owner: Object) -> Child:
    others = tuple(ref for ref in child.metadata.owner_references if ref.uid != owner.metadata.uid)
    return evolve(child, **{"metadata.owner_references": others})
