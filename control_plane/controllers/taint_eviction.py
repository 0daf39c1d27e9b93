"""Taint eviction: pods leave a node with `NoExecute` taints, at once or when their tolerations have run out.

On an unreachable node a pod's `spec.disconnect` has a say: how long it is waited for, whether it must be certain first
that the node has stopped it, and whether the original is only put aside, as `Disconnected`, to be chosen from later.

Reads: one node's taints, how long it has had no grant, and the pods bound to it. Writes: deletes pods, or their
condition `Disconnected`. Never: puts taints on; waits for the node to stop what it may still run (the pod stays,
terminating, until its node reports it gone, is known to have stopped it, or is itself deleted).

Source: Kubernetes `pkg/controller/tainteviction`; for `spec.disconnect` Nomad's `disconnect` block.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.budgets import disruption_target
from control_plane.controllers.pods import is_active
from control_plane.controllers.reconnection import is_disconnected, may_be_kept, put_aside
from control_plane.controllers.taints import UNREACHABLE, leaves_at
from control_plane.plan import Action, Delete, Emit, Key, Plan, SetStatus, Snapshot, Watch
from proto.objects.core import Node, Taint
from proto.objects.meta import Object
from proto.objects.pod import Pod

TARGET_REASON = "DeletionByTaintManager"
TARGET_MESSAGE = "Taint manager: deleting due to NoExecute taint"


def _no_execute(node: Node) -> tuple[Taint, ...]:
    return tuple(taint for taint in node.spec.taints if taint.effect == "NoExecute")


def _node_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node, if it has `NoExecute` taints that it had not before, or for longer no grant."""
    if not isinstance(new, Node) or not (taints := _no_execute(new)):
        return ()
    since_s = new.status.since_grant_seconds
    same = isinstance(old, Node) and (_no_execute(old), old.status.since_grant_seconds) == (taints, since_s)
    return () if same else (Key(*new.key),)


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
    """A node with `NoExecute` taints, and its active pods."""

    node: Node
    pods: tuple[Pod, ...]
    now: datetime


class TaintEvictionController:
    """Deletes the pods whose time on a tainted node is over."""

    name = "taint-eviction"
    watches: tuple[Watch, ...] = (Watch(Node, _node_keys), Watch(Pod, _pod_keys))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> EvictionView | None:
        """The pods of one node; None if nothing drives them away."""
        node = snapshot.get(Node, *key)
        if node is None or not _no_execute(node):
            return None
        bound = snapshot.by_node(node.metadata.name)
        return EvictionView(node, tuple(pod for pod in bound if isinstance(pod, Pod) and is_active(pod)), now)

    def reconcile(self, view: EvictionView) -> Plan:
        """Evict who is due; look again when the next toleration runs out."""
        times = [(pod, leaves_at(pod, view.node, view.now)) for pod in view.pods]
        due = [pod for pod, at in times if at is not None and at <= view.now]
        later = [at for _, at in times if at is not None and at > view.now]
        actions = tuple(action for pod in due for action in _evict(pod, view))
        return Plan(actions, (min(later) - view.now).total_seconds() if later else None)


def _evict(pod: Pod, view: EvictionView) -> tuple[Action, ...]:
    namespace, name = pod.key
    if may_be_kept(pod) and all(taint.key == UNREACHABLE for taint in _no_execute(view.node)):
        if is_disconnected(pod):
            return ()
        message = (
            f"Node {view.node.metadata.name} is unreachable: Pod {namespace}/{name} does not count until it is back"
        )
        return SetStatus(put_aside(pod, view.now), "node_unreachable"), Emit(pod, "Disconnected", message, "Warning")
    told = Emit(pod, "TaintManagerEviction", f"Marking for deletion Pod {namespace}/{name}")
    target = disruption_target(TARGET_REASON, TARGET_MESSAGE, view.now)
    return Delete(pod, "taint_not_tolerated", condition=target), told
