"""Taint eviction: pods leave a node with `NoExecute` taints, at once or when their tolerations have run out.

Reads: one node's taints and the pods bound to it. Writes: deletes pods. Never: puts taints on; waits for the node to
stop what it may still run (the pod stays, terminating, until its node reports it gone or the node itself is deleted).

Source: Kubernetes `pkg/controller/tainteviction`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers.pods import is_active
from control_plane.controllers.taints import evicted_at
from control_plane.plan import Action, Delete, Emit, Key, Plan, Snapshot, Watch
from proto.objects.core import Node, Taint
from proto.objects.meta import Object
from proto.objects.pod import Pod


def _no_execute(node: Node) -> tuple[Taint, ...]:
    return tuple(taint for taint in node.spec.taints if taint.effect == "NoExecute")


def _node_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node, if it has `NoExecute` taints that it had not before."""
    if not isinstance(new, Node) or not (taints := _no_execute(new)):
        return ()
    return () if isinstance(old, Node) and _no_execute(old) == taints else (Key(*new.key),)


def _pod_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The pod's node, if the pod just came to a node that has such taints, or tolerates something else now."""
    if not isinstance(new, Pod) or not new.spec.node_name or not is_active(new):
        return ()
    if isinstance(old, Pod) and old.spec == new.spec:
        return ()
    node = snapshot.get(Node, "", new.spec.node_name)
    return (Key("", node.metadata.name),) if node is not None and _no_execute(node) else ()


@dataclass(frozen=True, slots=True)
class EvictionView:
    """A node's `NoExecute` taints and its active pods."""

    taints: tuple[Taint, ...]
    pods: tuple[Pod, ...]
    now: datetime


class TaintEvictionController:
    """Deletes the pods whose time on a tainted node is over."""

    name = "taint-eviction"
    watches: tuple[Watch, ...] = (Watch(Node, _node_keys), Watch(Pod, _pod_keys))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> EvictionView | None:
        """The pods of one node; None if nothing drives them away."""
        node = snapshot.get(Node, *key)
        if node is None or not (taints := _no_execute(node)):
            return None
        bound = snapshot.by_node(node.metadata.name)
        return EvictionView(taints, tuple(pod for pod in bound if isinstance(pod, Pod) and is_active(pod)), now)

    def reconcile(self, view: EvictionView) -> Plan:
        """Delete who is due; look again when the next toleration runs out."""
        times = [(pod, evicted_at(pod.spec.tolerations, view.taints, view.now)) for pod in view.pods]
        due = [pod for pod, at in times if at is not None and at <= view.now]
        later = [at for _, at in times if at is not None and at > view.now]
        actions: tuple[Action, ...] = (*(Delete(pod, "taint_not_tolerated") for pod in due), *map(_told, due))
        return Plan(actions, (min(later) - view.now).total_seconds() if later else None)


def _told(pod: Pod) -> Emit:
    namespace, name = pod.key
    return Emit(pod, "TaintManagerEviction", f"Marking for deletion Pod {namespace}/{name}")
