"""Deployment: keeps a number of equal pods running and replaces them, revision by revision, when the template changes.

Reads: the Deployment, the ReplicaSets it owns or could adopt and, for Recreate, whether pods of former ones still run.
Writes: ReplicaSets (creates, sizes, annotations, deletes old ones), the Deployment's revision annotation and status.
Never: touches pods; changes a ReplicaSet's template; decides while a ReplicaSet has not settled (see `rollout`).

The rules are next door: `scaling` (numbers and percentages), `revisions` (which ReplicaSet is whose template),
`rollout` (the next sizes), `progress` (status and conditions).

Source: Kubernetes `pkg/controller/deployment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers import progress, revisions, rollout
from control_plane.controllers.claims import Claims, claim, orphan_keys, selects_nothing
from control_plane.controllers.pods import is_finished
from control_plane.controllers.rollout import Fleet, Sizes
from control_plane.controllers.scaling import bounds
from control_plane.plan import (
    Action,
    Create,
    Delete,
    Emit,
    Key,
    Plan,
    SetStatus,
    Snapshot,
    Update,
    Watch,
    controller_key,
    own_key,
)
from proto.objects.apps import Deployment, DeploymentStatus, ReplicaSet
from proto.objects.core import Namespace
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.rollouts import REVISION


def _recreate_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The Deployment that waits, with Recreate, for the end of a pod that has just ended."""
    pod = new or old
    ended = new is None or (isinstance(new, Pod) and is_finished(new))
    owner = None if pod is None else pod.metadata.controller
    if pod is None or not ended or owner is None or owner.kind != ReplicaSet.KIND:
        return ()
    replica_set = snapshot.get(ReplicaSet, pod.metadata.namespace, owner.name)
    parent = None if replica_set is None else replica_set.metadata.controller
    if parent is None or parent.kind != Deployment.KIND:
        return ()
    deployment = snapshot.get(Deployment, pod.metadata.namespace, parent.name)
    if deployment is None or deployment.spec.strategy.type != "Recreate":
        return ()
    return (Key(*deployment.key),)


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A Deployment and its ReplicaSets.

    `former_pods_run`: with Recreate, whether a pod of a former revision may still run (one that is ending does).
    `name_taken`: the name for a new ReplicaSet is another's. `may_create`: its namespace takes new objects.
    """

    deployment: Deployment
    now: datetime
    claims: Claims[ReplicaSet]
    fleet: Fleet
    former_pods_run: bool = False
    name_taken: bool = False
    may_create: bool = True


class DeploymentController:
    """Moves a Deployment, one step a pass, towards its template and its size."""

    name = "deployment"
    watches: tuple[Watch, ...] = (
        Watch(Deployment, own_key),
        Watch(ReplicaSet, controller_key(Deployment)),
        Watch(ReplicaSet, orphan_keys(Deployment)),
        Watch(Pod, _recreate_keys),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> DeploymentView | None:
        """One Deployment and what belongs to it; None if it is gone."""
        deployment = snapshot.get(Deployment, *key)
        if deployment is None or selects_nothing(deployment.spec.selector):
            return None
        claims = claim(snapshot, deployment, ReplicaSet)
        current = revisions.find_current(deployment, claims.ours)
        former = tuple(revisions.by_age(each for each in claims.ours if each is not current))
        recreate = deployment.spec.strategy.type == "Recreate"
        namespace = snapshot.get(Namespace, "", key.namespace)
        return DeploymentView(
            deployment=deployment,
            now=now,
            claims=claims,
            fleet=Fleet(current, former),
            former_pods_run=recreate and any(_runs_pods(snapshot, each) for each in former),
            name_taken=current is None and _name_taken(snapshot, deployment),
            may_create=namespace is None or not namespace.deleting,
        )

    def reconcile(self, view: DeploymentView) -> Plan:
        """First settle which ReplicaSets are ours, then make the current one or take the next step, then tell."""
        deployment, fleet = view.deployment, view.fleet
        if updates := view.claims.updates(deployment):
            return Plan(updates)
        if deployment.deleting:
            return Plan(_told(deployment, progress.status(deployment, fleet, view.now)))
        if _should_create(view):
            return _collided(deployment) if view.name_taken else _created(view)
        changes = _resized(deployment, fleet, _next_sizes(view))
        told = progress.status(deployment, fleet, view.now)
        if not changes and (deployment.spec.paused or progress.is_complete(deployment, told)):
            changes = _history_trimmed(deployment, fleet)
        ends = progress.deadline(deployment, told)
        wait_s = None if ends is None else (ends - view.now).total_seconds()
        return Plan(changes + (_renumbered(deployment, fleet) or _told(deployment, told)), wait_s)


def _runs_pods(snapshot: Snapshot, replica_set: ReplicaSet) -> bool:
    return any(not is_finished(pod) for pod in snapshot.by_owner(Pod, replica_set.metadata.uid))


def _name_taken(snapshot: Snapshot, deployment: Deployment) -> bool:
    name = revisions.current_name(deployment)
    return snapshot.get(ReplicaSet, deployment.metadata.namespace, name) is not None


def _should_create(view: DeploymentView) -> bool:
    """Whether the present template has no ReplicaSet and it is time to make one."""
    deployment, fleet = view.deployment, view.fleet
    if fleet.current is not None or deployment.spec.paused or not view.may_create or not fleet.settled:
        return False
    if deployment.spec.strategy.type == "Recreate":
        return not fleet.active and not view.former_pods_run
    return not rollout.is_scaled(deployment, fleet)


def _collided(deployment: Deployment) -> Plan:
    """The derived name is another's: count the collision, which gives another name."""
    collisions = (deployment.status.collision_count or 0) + 1
    return Plan((SetStatus(evolve(deployment, **{"status.collision_count": collisions}), "name_taken"),))


def _created(view: DeploymentView) -> Plan:
    """The current ReplicaSet, as large as there is room for."""
    deployment, fleet = view.deployment, view.fleet
    size = rollout.first_size(deployment, fleet.former)
    made = revisions.new_replica_set(deployment, fleet.former, size, bounds(deployment.spec))
    actions: list[Action] = [Create(made, "new_template")]
    if size:
        actions.append(_scaling_event(deployment, made.metadata.name, 0, size))
    told = progress.status(deployment, fleet, view.now, created=made)
    return Plan((*actions, *_told(deployment, told)))


def _next_sizes(view: DeploymentView) -> Sizes:
    """The sizes that this pass sets; none while a ReplicaSet has not settled."""
    deployment, fleet = view.deployment, view.fleet
    if not fleet.settled:
        return {}
    if rollout.is_scaled(deployment, fleet) or (deployment.spec.paused and len(fleet.active) < 2):
        return rollout.rescaled(deployment, fleet)
    if deployment.spec.paused:
        return {}
    if deployment.spec.strategy.type == "Recreate":
        return rollout.recreated(deployment, fleet, former_pods_run=view.former_pods_run)
    return {} if fleet.current is None else rollout.rolled(deployment, fleet)


def _resized(deployment: Deployment, fleet: Fleet, sizes: Sizes) -> tuple[Action, ...]:
    """One update for each ReplicaSet that is not as it should be, and an event for each new size."""
    limits = bounds(deployment.spec)
    actions: list[Action] = []
    for old in fleet.all:
        new = old
        if old is fleet.current:
            new = revisions.as_current(new, deployment, fleet.former)
        if old.metadata.uid in sizes:
            new = revisions.sized(new, deployment, sizes[old.metadata.uid], limits)
        if new == old:
            continue
        before, after = old.spec.replicas, new.spec.replicas
        actions.append(Update(new, "revision" if before == after else "scale_up" if after > before else "scale_down"))
        if before != after:
            actions.append(_scaling_event(deployment, old.metadata.name, before, after))
    return tuple(actions)


def _history_trimmed(deployment: Deployment, fleet: Fleet) -> tuple[Action, ...]:
    limit = deployment.spec.revision_history_limit
    return tuple(Delete(each, "revision_history_limit") for each in revisions.expendable(fleet.former, limit))


def _renumbered(deployment: Deployment, fleet: Fleet) -> tuple[Action, ...]:
    """The Deployment with the revision number of its current ReplicaSet; the status follows on the next pass."""
    number = 0 if fleet.current is None else revisions.revision(fleet.current)
    if number == 0 or number == revisions.revision(deployment):
        return ()
    annotations = {**deployment.metadata.annotations, REVISION: str(number)}
    return (Update(evolve(deployment, **{"metadata.annotations": annotations}), "revision"),)


def _told(deployment: Deployment, status: DeploymentStatus) -> tuple[Action, ...]:
    """The status, if it is news."""
    if status == deployment.status:
        return ()
    return (SetStatus(evolve(deployment, status=status), "rollout_observed"),)


def _scaling_event(deployment: Deployment, name: str, before: int, after: int) -> Emit:
    direction = "up" if after > before else "down"
    message = f"Scaled {direction} replica set {name} from {before} to {after}"
    return Emit(deployment, "ScalingReplicaSet", message)
