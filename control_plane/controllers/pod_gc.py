"""Pod garbage collection: pods that nobody else will ever remove.

Three small controllers, each with keys of its own:

- `NodePodsGarbage`, by node: pods bound to a node that does not exist any more, terminating pods on a node that is
  down and was declared out of service, and terminating pods that their node is certain to have stopped by itself, since
  it has had no grant of its lease for so long. Nobody is left to report about them, so they are removed by force.
- `UnboundPodsGarbage`, by pod: pods that are terminating and were never bound.
- `FinishedPodsGarbage`, all at once, every `SWEEP_S`: finished pods over a threshold, the oldest first.

Reads: pods and nodes. Writes: deletes pods. Never: removes a pod that finalizers hold (whoever put them on removes
them); touches a pod that its node can still report about.

Source: Kubernetes `pkg/controller/podgc`. There the first two are sweeps too; here they follow the change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest

from control_plane.controllers.ages import made_at
from control_plane.controllers.pods import is_finished
from control_plane.controllers.taints import OUT_OF_SERVICE, Verdict, verdict
from control_plane.plan import Action, Delete, Key, Plan, Snapshot, Watch
from proto.disconnection import is_fenced
from proto.objects.core import Namespace, Node
from proto.objects.meta import Object
from proto.objects.pod import Pod

FINISHED_MAX = 12_500
"""So many finished pods are kept (Kubernetes: terminated-pod-gc-threshold)."""

BURST = 500
SWEEP_S = 30.0

ALL_PODS = Key("", "")
_ANCHOR = "default"
"""A namespace that is always there: its addition starts the sweeps."""


@dataclass(frozen=True, slots=True)
class GarbageView:
    """Pods to be removed, why, and whether by force."""

    pods: tuple[Pod, ...]
    reason: str
    force: bool = True
    requeue_after_s: float | None = None


def _plan(view: GarbageView) -> Plan:
    """The form that all three share."""
    deletions: tuple[Action, ...] = tuple(Delete(pod, view.reason, force=view.force) for pod in view.pods)
    return Plan(deletions, view.requeue_after_s)


def _is_held(pod: Pod) -> bool:
    """Whether only its finalizers keep a terminating pod: asking again would change nothing."""
    return pod.deleting and bool(pod.metadata.finalizers) and not pod.metadata.deletion_grace_period_seconds


def _gone_node_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """A node that is gone, that was declared out of service, or that has stopped something by itself."""
    if new is None:
        return () if old is None else (Key(*old.key),)
    return (Key(*new.key),) if isinstance(new, Node) and (_out_of_service(new) or _silenced(new)) else ()


def _bound_pod_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The node of a pod that came to it, or began to terminate, where nobody looks after it."""
    if not isinstance(new, Pod) or not new.spec.node_name:
        return ()
    if isinstance(old, Pod) and old.spec.node_name and old.deleting == new.deleting:
        return ()
    node = snapshot.get(Node, "", new.spec.node_name)
    return (Key("", new.spec.node_name),) if node is None or _out_of_service(node) or _silenced(node) else ()


class NodePodsGarbage:
    """Removes pods whose node is gone, out of service, or certain to have stopped them.

    The last rests on two things seen in one snapshot: that the pod is terminating, so its node will not start it again
    when it is back; and that the node is not back, since the hub writes that before it grants it anything. So the pod
    was not, and will not be, started again, whatever happens between here and the removal.
    """

    name = "pod-gc-node"
    watches: tuple[Watch, ...] = (Watch(Node, _gone_node_keys), Watch(Pod, _bound_pod_keys))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> GarbageView | None:
        """The pods left on one node; None if the node looks after them itself."""
        node = snapshot.get(Node, *key)
        if node is not None and not _out_of_service(node) and not _silenced(node):
            return None
        bound = [pod for pod in snapshot.by_node(key.name) if isinstance(pod, Pod) and not _is_held(pod)]
        if node is None:
            return GarbageView(tuple(bound), "node_gone")
        ending = [pod for pod in bound if pod.deleting]
        if _out_of_service(node):
            return GarbageView(tuple(ending), "node_out_of_service")
        return GarbageView(tuple(pod for pod in ending if is_fenced(pod, node)), "node_fenced")

    def reconcile(self, view: GarbageView) -> Plan:
        """Remove them by force."""
        return _plan(view)


def _unbound_pod_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    return (Key(*new.key),) if isinstance(new, Pod) and new.deleting and not new.spec.node_name else ()


class UnboundPodsGarbage:
    """Removes terminating pods that no node ever had."""

    name = "pod-gc-unbound"
    watches: tuple[Watch, ...] = (Watch(Pod, _unbound_pod_keys),)

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> GarbageView | None:
        """The pod, if it is such a one."""
        pod = snapshot.get(Pod, *key)
        if pod is None or not pod.deleting or pod.spec.node_name or _is_held(pod):
            return None
        return GarbageView((pod,), "terminating_unbound")

    def reconcile(self, view: GarbageView) -> Plan:
        """Remove it."""
        return _plan(view)


def _sweep_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """Start sweeping; each sweep asks for the next one."""
    return (ALL_PODS,) if new is not None and new.metadata.name == _ANCHOR else ()


class FinishedPodsGarbage:
    """Keeps the number of finished pods under a threshold."""

    name = "pod-gc-finished"
    watches: tuple[Watch, ...] = (Watch(Namespace, _sweep_keys),)

    def __init__(self, *, finished_max: int = FINISHED_MAX):
        self._finished_max = finished_max

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> GarbageView:
        """The oldest finished pods over the threshold, at most a burst; O(pods), but twice a minute only."""
        finished = [pod for pod in snapshot.list(Pod) if is_finished(pod) and not pod.deleting]
        surplus = len(finished) - self._finished_max
        if surplus <= 0:
            return GarbageView((), "finished_over_threshold", requeue_after_s=SWEEP_S)
        oldest = nsmallest(min(surplus, BURST), finished, key=_age_order)
        wait_s = 0.0 if surplus > BURST else SWEEP_S
        return GarbageView(tuple(oldest), "finished_over_threshold", force=False, requeue_after_s=wait_s)

    def reconcile(self, view: GarbageView) -> Plan:
        """Delete them and sweep again."""
        return _plan(view)


def _out_of_service(node: Node) -> bool:
    """Whether a person declared a node that is down to be out of service (Kubernetes: non-graceful node shutdown)."""
    return verdict(node) is not Verdict.READY and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints)


def _silenced(node: Node) -> bool:
    """Whether a node that is not heard has had no grant for so long that it stopped something by itself."""
    return verdict(node) is Verdict.LOST and node.status.since_grant_seconds is not None


def _age_order(pod: Pod) -> tuple[datetime, str]:
    return made_at(pod), pod.metadata.uid
