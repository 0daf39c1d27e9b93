"""DaemonSet: one pod on each node that is fit for it, as nodes come, change and go.

Reads: the DaemonSet, its ControllerRevisions, all nodes, the pods it owns or could adopt. Writes: pods (creates,
deletes, owner references), ControllerRevisions, the DaemonSet's status. Never: binds a pod; it asks for its node by
affinity, and the scheduler sees to it that there is room.

Which pods to make and delete stands in `daemon_pods`; which templates there are in `controller_revisions`. One pass
looks at every node once: a DaemonSet is about as large as the cluster, as a ReplicaSet is as large as its pods.

Source: Kubernetes `pkg/controller/daemon`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers import controller_revisions, daemon_pods
from control_plane.controllers.claims import Claims, claim, orphan_keys, selects_nothing
from control_plane.controllers.conditions import without
from control_plane.controllers.controller_revisions import Revisions, revisions_of, to_settle
from control_plane.controllers.daemon_pods import Posts
from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.pods import available_at, is_active, is_ready
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
from proto.objects.controller_revision import ControllerRevision
from proto.objects.core import Node
from proto.objects.daemon_set import DaemonSet, DaemonSetStatus
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.rollouts import CONTROLLER_REVISION_HASH

BURST = 250
"""At most so many pods are created and deleted in one pass (Kubernetes: BurstReplicas)."""


def _node_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """Every DaemonSet, if what says which pods a node is fit for has changed; not for a heartbeat."""
    if isinstance(old, Node) and isinstance(new, Node):
        same = old.metadata.labels == new.metadata.labels and old.spec == new.spec and old.deleting == new.deleting
        if same:
            return ()
    return [Key(*daemon_set.key) for daemon_set in snapshot.list(DaemonSet)]


@dataclass(frozen=True, slots=True)
class DaemonSetView:
    """A DaemonSet, the nodes, its pods and revisions.

    `may_create`: its namespace is not going.
    """

    daemon_set: DaemonSet
    now: datetime
    nodes: tuple[Node, ...]
    pods: Claims[Pod]
    revisions: Revisions
    may_create: bool = True


class DaemonSetController:
    """Keeps one pod on each node that is fit."""

    name = "daemonset"
    watches: tuple[Watch, ...] = (
        Watch(DaemonSet, own_key),
        Watch(Node, _node_keys),
        Watch(Pod, controller_key(DaemonSet)),
        Watch(Pod, orphan_keys(DaemonSet)),
        Watch(ControllerRevision, controller_key(DaemonSet)),
    )

    def __init__(self, *, burst: int = BURST):
        self._burst = burst

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> DaemonSetView | None:
        """The nodes, and the pods and revisions around one DaemonSet; None if it is gone."""
        daemon_set = snapshot.get(DaemonSet, *key)
        if daemon_set is None or selects_nothing(daemon_set.spec.selector):
            return None
        return DaemonSetView(
            daemon_set=daemon_set,
            now=now,
            nodes=tuple(snapshot.list(Node)),
            pods=claim(snapshot, daemon_set, Pod, is_active),
            revisions=revisions_of(snapshot, daemon_set),
            may_create=takes_new_objects(snapshot, key.namespace),
        )

    def reconcile(self, view: DaemonSetView) -> Plan:
        """First settle which pods and revisions are ours, then take the next steps, then tell."""
        daemon_set = view.daemon_set
        if (first := to_settle(daemon_set, view.revisions, view.pods)) is not None:
            return first
        posts = daemon_pods.posts(daemon_set, view.nodes, view.pods.ours, view.revisions.present.revision, view.now)
        all_changes = daemon_pods.steps(posts, may_create=view.may_create)
        # Deletions, then creations: the engine sends equal ones out together.
        changes = tuple(sorted(all_changes[: self._burst], key=lambda action: isinstance(action, Create)))
        told = _status(posts, bool(changes))
        trimmed = () if changes else self._trimmed(view)
        news = () if told == daemon_set.status else (SetStatus(evolve(daemon_set, status=told), "pods_counted"),)
        actions = (*changes, *_events(daemon_set, changes), *trimmed, *news)
        return Plan(actions, 0.0 if len(all_changes) > self._burst else _again_s(posts))

    def refused(self, view: DaemonSetView, action: Action, problem: str) -> Plan:
        """What to tell when a creation or deletion was refused for good: the `ReplicaFailure` condition."""
        return failure_told(view.daemon_set, self.reconcile(view), action, problem, view.now)

    def _trimmed(self, view: DaemonSetView) -> tuple[Delete, ...]:
        """Former revisions beyond the limit, unless a pod has them."""
        marks = {pod.metadata.labels.get(CONTROLLER_REVISION_HASH) for pod in view.pods.ours}
        ours = view.revisions.claims.ours
        live = {each.metadata.name for each in ours if controller_revisions.revision_hash(each) in marks}
        present = view.revisions.present.revision.metadata.name
        limit = view.daemon_set.spec.revision_history_limit
        return controller_revisions.expendable(ours, live | {present}, limit)


def _events(daemon_set: DaemonSet, changes: tuple[Action, ...]) -> tuple[Emit, ...]:
    """Every pod that is made or ended is told to people."""
    told: list[Emit] = []
    for action in changes:
        pod = action.object
        if action.reason == "pod_finished":
            message = f"Found failed daemon pod {pod.metadata.namespace}/{pod.metadata.name}, will try to kill it"
            told.append(Emit(daemon_set, "FailedDaemonPod", message, "Warning"))
        verb, reason = (
            ("Created", "SuccessfulCreate") if isinstance(action, Create) else ("Deleted", "SuccessfulDelete")
        )
        told.append(Emit(daemon_set, reason, f"{verb} pod: {pod.metadata.name}"))
    return tuple(told)


def _status(posts: Posts, changing: bool) -> DaemonSetStatus:
    """The status as it is now; counts are of nodes (Kubernetes: updateDaemonSetStatus)."""
    old = posts.daemon_set.status
    current = ready = available = updated = 0
    for post in posts.wanted:
        staying = post.staying
        current += bool(staying)
        ready += any(map(is_ready, staying))
        available += any(map(posts.is_available, staying))
        updated += any(map(posts.is_updated, staying))
    desired = len(posts.wanted)
    return DaemonSetStatus(
        observed_generation=posts.daemon_set.metadata.generation,
        current_number_scheduled=current,
        number_misscheduled=sum(not post.wanted and bool(post.staying) for post in posts.posts),
        desired_number_scheduled=desired,
        number_ready=ready,
        updated_number_scheduled=updated,
        number_available=available,
        number_unavailable=desired - available,
        collision_count=old.collision_count,
        conditions=old.conditions if changing or current < desired else without(old.conditions, FAILURE),
    )


def _again_s(posts: Posts) -> float | None:
    """When a failed pod may be replaced, or a ready pod becomes available, by the passing of time."""
    waits = [daemon_pods.retry_s(posts)]
    min_ready_s = posts.daemon_set.spec.min_ready_seconds
    if min_ready_s:
        times = (available_at(pod, min_ready_s) for post in posts.posts for pod in post.staying)
        waits += [(at - posts.now).total_seconds() for at in times if at is not None and at > posts.now]
    return min((wait for wait in waits if wait is not None), default=None)
