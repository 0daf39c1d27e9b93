"""ReplicaSet: keeps a number of equal pods.

Reads: the ReplicaSet, the pods it owns or could adopt, and, when it must choose which pods to delete, where the pods
of its siblings are. Writes: pods (creates, deletes, owner references) and the ReplicaSet's status. Never: changes what
a pod runs; waits for a pod that is being deleted; touches pods that another controller owns.

A pod that its node refused is replaced a little later than others, or there would be a new one at every turn.

A pod that was put aside while its node is cut off (`reconnection`) does not count until its node is back.

**Names.** A pod is made for a *slot*, a number, and is named by it, so the same decision made twice (by a stale
mirror, after a crash between two writes, by two leaders for a moment) names the same pod and the second creation is
a no-op. The slots to fill are the smallest ones, from `status.nextSlot` on, whose name no pod has: no pod of any
owner, and not one that is ending or has failed either. `nextSlot` only keeps names from coming back; the count does
not depend on it, so it may lag.

Source: Kubernetes `pkg/controller/replicaset`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
from itertools import count

from control_plane.controllers.claims import Claims, claim, orphan_keys, selects_nothing
from control_plane.controllers.conditions import without
from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.names import slot_name
from control_plane.controllers.pods import (
    PodCounts,
    count_pods,
    deletion_rank,
    is_active,
    is_ready,
    is_refused,
    pod_from_template,
    remade_in_s,
)
from control_plane.controllers.reconnection import (
    Returned,
    is_disconnected,
    node_back_keys,
    patience_s,
    returned,
    reunite,
    was_kept,
)
from control_plane.controllers.refusals import FAILURE, failure_told
from control_plane.plan import (
    Action,
    Create,
    Delete,
    Emit,
    Key,
    Plan,
    SetStatus,
    Snapshot,
    Watch,
    controller_key,
    own_key,
)
from proto.objects.apps import ReplicaSet, ReplicaSetStatus
from proto.objects.core import Node
from proto.objects.meta import evolve
from proto.objects.pod import Pod

BURST = 500
"""At most so many pods are created or deleted in one pass (Kubernetes: BurstReplicas)."""


@dataclass(frozen=True, slots=True)
class ReplicaSetView:
    """A ReplicaSet and its pods.

    `pods` are the active ones it controls that count; `originals` are those that do not because their node was cut
    off, and is back now; `refused` those that their nodes did not take, and that are not replaced yet; `ending` counts
    those being deleted; `free_slots` are (slot, name) for the pods that are missing, at most a burst; `neighbours`
    counts active sibling pods by node, where pods are surplus.
    """

    replica_set: ReplicaSet
    now: datetime
    claims: Claims[Pod]
    pods: tuple[Pod, ...] = ()
    originals: tuple[Returned, ...] = ()
    refused: tuple[Pod, ...] = ()
    ending: int = 0
    free_slots: tuple[tuple[int, str], ...] = ()
    neighbours: Mapping[str, int] = field(default_factory=dict)


class ReplicaSetController:
    """Creates the missing pods, deletes the surplus ones, counts them all."""

    name = "replicaset"
    watches: tuple[Watch, ...] = (
        Watch(ReplicaSet, own_key),
        Watch(Pod, controller_key(ReplicaSet)),
        Watch(Pod, orphan_keys(ReplicaSet)),
        Watch(Node, node_back_keys),
    )

    def __init__(self, *, burst: int = BURST):
        self._burst = burst

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> ReplicaSetView | None:
        """The pods around one ReplicaSet; None if it is gone."""
        replica_set = snapshot.get(ReplicaSet, *key)
        if replica_set is None or selects_nothing(replica_set.spec.selector):
            return None
        claims = claim(snapshot, replica_set, Pod, is_active)
        active = [pod for pod in claims.ours if is_active(pod)]
        aside = [pod for pod in active if is_disconnected(pod)]
        uids = {pod.metadata.uid for pod in aside}
        pods = tuple(pod for pod in active if pod.metadata.uid not in uids)
        refused = tuple(pod for pod in claims.ours if is_refused(pod) and remade_in_s(pod, now) > 0)
        missing = replica_set.spec.replicas - len(pods)
        if not _may_create(snapshot, replica_set):
            missing = min(missing, 0)
        return ReplicaSetView(
            replica_set=replica_set,
            now=now,
            claims=claims,
            pods=pods,
            originals=returned(snapshot, aside, now),
            refused=refused,
            ending=sum(pod.deleting for pod in claims.ours),
            free_slots=_free_slots(snapshot, replica_set, min(missing - len(refused), self._burst)),
            neighbours=_pods_by_node(snapshot, replica_set) if missing < 0 < replica_set.spec.replicas else {},
        )

    def reconcile(self, view: ReplicaSetView) -> Plan:
        """First settle which pods are ours, then how many there are, then tell."""
        replica_set = view.replica_set
        if claims := view.claims.updates(replica_set):
            return Plan(claims)
        counts = count_pods(
            view.pods, replica_set.spec.template.metadata.labels, replica_set.spec.min_ready_seconds, view.now
        )
        changes: tuple[Action, ...] = () if replica_set.deleting else self._changes(view)
        more = len(view.free_slots) == self._burst or sum(isinstance(a, Delete) for a in changes) == self._burst
        reunited = tuple(action for one in view.originals for action in reunite(one, replica_set, view.now))
        return Plan(changes + reunited + _status(view, counts), 0.0 if more else _next_look_s(view, counts))

    def refused(self, view: ReplicaSetView, action: Action, problem: str) -> Plan:
        """What to tell when a creation or deletion was refused for good: the `ReplicaFailure` condition."""
        # No slot is passed over because its pod could not be made, or each attempt would be at another name.
        replica_set, planned = view.replica_set, self.reconcile(view)
        next_slot = replica_set.status.next_slot
        return failure_told(replica_set, planned, action, problem, view.now, next_slot=next_slot)

    def _changes(self, view: ReplicaSetView) -> tuple[Action, ...]:
        """Creations or deletions, at most a burst, each told to people."""
        replica_set = view.replica_set
        surplus = min(len(view.pods) - replica_set.spec.replicas, self._burst)
        actions: list[Action] = []
        for _, name in view.free_slots:
            pod = _pod(replica_set, name)
            actions.append(Create(pod, "replica_missing"))
        actions += [Emit(replica_set, "SuccessfulCreate", f"Created pod: {name}") for _, name in view.free_slots]
        victims = _victims(view, surplus)
        # The choice stands on what was seen of each pod: a pod that changed since must be judged anew.
        actions += [Delete(pod, "replica_surplus", at_revision=True) for pod in victims]
        actions += [Emit(replica_set, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}") for pod in victims]
        return tuple(actions)


def _next_look_s(view: ReplicaSetView, counts: PodCounts) -> float | None:
    """When a pod becomes available, the patience with an original ends, or a refused pod may be replaced."""
    refused = [remade_in_s(pod, view.now) for pod in view.refused]
    waits = refused + [patience_s(one, view.now) for one in view.originals if not is_ready(one.pod)]
    if counts.next_available_s is not None:
        waits.append(counts.next_available_s)
    return min((wait_s for wait_s in waits if wait_s > 0), default=None)


def _victims(view: ReplicaSetView, surplus: int) -> Sequence[Pod]:
    """The pods that are missed least; where all must go, in any order."""
    if surplus <= 0 or view.replica_set.spec.replicas == 0:
        return view.pods[: max(0, surplus)]

    def rank(pod: Pod) -> tuple[object, ...]:
        neighbours = view.neighbours.get(pod.spec.node_name, 0)
        return was_kept(pod, view.now), *deletion_rank(pod, neighbours, view.now)

    return nsmallest(surplus, view.pods, key=rank)


def _may_create(snapshot: Snapshot, replica_set: ReplicaSet) -> bool:
    """Nothing new is made for what is being deleted, or in a namespace that is."""
    return not replica_set.deleting and takes_new_objects(snapshot, replica_set.metadata.namespace)


def _free_slots(snapshot: Snapshot, replica_set: ReplicaSet, wanted: int) -> tuple[tuple[int, str], ...]:
    """The first `wanted` slots whose names no pod has."""
    meta, found = replica_set.metadata, dict[str, int]()
    for slot in count(replica_set.status.next_slot or 0):
        if len(found) >= wanted:
            break
        name = slot_name(meta.name, meta.uid, slot)
        if name not in found and snapshot.get(Pod, meta.namespace, name) is None:
            found[name] = slot
    return tuple((slot, name) for name, slot in found.items())


def _pods_by_node(snapshot: Snapshot, replica_set: ReplicaSet) -> Mapping[str, int]:
    """Active pods by node, over all ReplicaSets of the same controller (Kubernetes: getIndirectlyRelatedPods)."""
    controller = replica_set.metadata.controller
    siblings: Iterable[ReplicaSet] = (replica_set,)
    if controller is not None:
        siblings = snapshot.by_owner(ReplicaSet, controller.uid)
    return Counter(
        pod.spec.node_name
        for sibling in siblings
        for pod in snapshot.by_owner(Pod, sibling.metadata.uid)
        if pod.spec.node_name and is_active(pod)
    )


def _pod(replica_set: ReplicaSet, name: str) -> Pod:
    return pod_from_template(
        replica_set.spec.template, replica_set.metadata.namespace, name, replica_set.owner_reference()
    )


def _status(view: ReplicaSetView, counts: PodCounts) -> tuple[Action, ...]:
    """The status as it is now, if that is news.

    The counts are of the pods seen, before this pass changes any: what was just created is counted when it is there.
    """
    replica_set = view.replica_set
    old = replica_set.status
    conditions = old.conditions
    if counts.replicas == replica_set.spec.replicas:
        conditions = without(conditions, FAILURE)
    new = ReplicaSetStatus(
        observed_generation=replica_set.metadata.generation,
        replicas=counts.replicas,
        fully_labeled_replicas=counts.fully_labeled,
        ready_replicas=counts.ready,
        available_replicas=counts.available,
        terminating_replicas=view.ending,
        next_slot=view.free_slots[-1][0] + 1 if view.free_slots else old.next_slot,
        conditions=conditions,
    )
    return () if new == old else (SetStatus(evolve(replica_set, status=new), "pods_counted"),)
