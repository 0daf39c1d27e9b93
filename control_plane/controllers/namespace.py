"""Namespace: empties a namespace whose deletion was asked for, then lets it go.

First the workloads, so that nothing makes new pods, then all else; pods with their own grace periods. Conditions tell
what remains. When nothing does, the `kubernetes` finalizer of its spec is removed, and with it the namespace.

Reads: all objects in the namespace. Writes: deletes them; the namespace's conditions and its own finalizer. Never:
removes other finalizers, of the namespace or of what is in it: whoever put them on removes them.

Source: Kubernetes `pkg/controller/namespace/deletion`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.controllers.conditions import Conditions, condition, settled, without
from control_plane.controllers.kinds import watch_all
from control_plane.plan import Action, Delete, Key, Plan, SetStatus, Snapshot, Update, Watch, own_key
from proto import catalog
from proto.objects.core import Namespace
from proto.objects.meta import Object, evolve

FINALIZER = "kubernetes"
BURST = 500

_WORKLOADS_FIRST = {"Deployment": 0, "CronJob": 0, "ReplicaSet": 1, "StatefulSet": 1, "DaemonSet": 1, "Job": 1}


def _content_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The namespace of what came or went, if the namespace itself is going."""
    changed = new or old
    if changed is None or (old is not None and new is not None):
        return ()
    namespace = snapshot.get(Namespace, "", changed.metadata.namespace)
    return (Key(*namespace.key),) if namespace is not None and namespace.deleting else ()


@dataclass(frozen=True, slots=True)
class NamespaceView:
    """A namespace that is being deleted and what is in it.

    `to_delete`: at most a burst of objects whose deletion was not asked for yet; `remaining`: objects by resource;
    `held`: objects by finalizer.
    """

    namespace: Namespace
    now: datetime
    to_delete: tuple[Object, ...] = ()
    remaining: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)


class NamespaceController:
    """Deletes all that is in a terminating namespace."""

    name = "namespace"
    watches: tuple[Watch, ...] = (Watch(Namespace, own_key), *watch_all(_content_keys, namespaced_only=True))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> NamespaceView | None:
        """A terminating namespace and its content; None for any other."""
        namespace = snapshot.get(Namespace, *key)
        if namespace is None or not namespace.deleting:
            return None
        to_delete: list[Object] = []
        remaining: Counter[str] = Counter()
        held: Counter[str] = Counter()
        for kind in _kinds():
            for obj in snapshot.list(kind.model, namespace.metadata.name):
                remaining[kind.qualified_resource] += 1
                held.update(obj.metadata.finalizers)
                if not obj.deleting and len(to_delete) < BURST:
                    to_delete.append(obj)
        return NamespaceView(namespace, now, tuple(to_delete), remaining, held)

    def reconcile(self, view: NamespaceView) -> Plan:
        """Delete what is there; when nothing is, let the namespace go."""
        if not view.remaining:
            return Plan(_released(view.namespace))
        deletions: tuple[Action, ...] = tuple(Delete(obj, "namespace_terminating") for obj in view.to_delete)
        return Plan(deletions + _told(view), 0.0 if len(view.to_delete) == BURST else None)


def _kinds() -> list[catalog.Kind]:
    namespaced = (kind for kind in catalog.KINDS if kind.namespaced)
    return sorted(namespaced, key=lambda kind: _WORKLOADS_FIRST.get(kind.kind, len(_WORKLOADS_FIRST)))


def _released(namespace: Namespace) -> tuple[Action, ...]:
    """Without our finalizer; what others put on may still hold it."""
    if FINALIZER not in namespace.spec.finalizers:
        return ()
    kept = tuple(name for name in namespace.spec.finalizers if name != FINALIZER)
    return (Update(evolve(namespace, **{"spec.finalizers": kept}), "namespace_empty"),)


def _told(view: NamespaceView) -> tuple[Action, ...]:
    """The conditions that say what remains, if that is news."""
    old = view.namespace.status.conditions
    content = _listed(view.remaining, "{name} has {count} resource instances")
    text = f"Some resources are remaining: {content}"
    new = settled(old, condition("NamespaceContentRemaining", "True", "SomeResourcesRemain", text, view.now))
    new = _with_finalizers(new, view)
    if new == old:
        return ()
    return (SetStatus(evolve(view.namespace, **{"status.conditions": new}), "content_remaining"),)


def _with_finalizers(conditions: Conditions, view: NamespaceView) -> Conditions:
    if not view.held:
        return without(conditions, "NamespaceFinalizersRemaining")
    held = _listed(view.held, "{name} in {count} resource instances")
    text = f"Some content in the namespace has finalizers remaining: {held}"
    return settled(
        conditions, condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", text, view.now)
    )


def _listed(counts: Mapping[str, int], form: str) -> str:
    return ", ".join(form.format(name=name, count=count) for name, count in sorted(counts.items()))
