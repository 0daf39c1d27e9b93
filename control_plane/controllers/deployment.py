"""Deployment: keeps a number of equal pods running and replaces them, revision by revision, when the template changes.

Reads: the Deployment, the ReplicaSets it owns or could adopt; of pods, for Recreate, whether former ones still run and,
with autoRollback, whether the new ones are in trouble.
Writes: ReplicaSets (creates, sizes, annotations, deletes old ones), the Deployment's annotations and status and, with
autoRollback, its template.
Never: touches pods; changes a ReplicaSet's template; decides while a ReplicaSet has not settled (see `rollout`).

The rules are next door: `scaling` (numbers and percentages), `revisions` (which ReplicaSet is whose template),
`rollout` (the next sizes), `canary` (rollouts in steps), `auto_rollback` (the way back), `progress` (status and
conditions).

Source: Kubernetes `pkg/controller/deployment`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers import auto_rollback, canary, progress, revisions, rollout
from control_plane.controllers.auto_rollback import Failure, Trial
from control_plane.controllers.canary import Course
from control_plane.controllers.claims import Claims, claim, orphan_keys, selects_nothing
from control_plane.controllers.homes import takes_new_objects
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
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.rollouts import REVISION


def _waiting_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The Deployment that waits for the end of a pod that has just ended, or that must know how a pod fares."""
    pod = new or old
    ended = new is None or (isinstance(new, Pod) and is_finished(new))
    speaks = isinstance(new, Pod) and auto_rollback.concerns(new)
    owner = None if pod is None else pod.metadata.controller
    if pod is None or not (ended or speaks) or owner is None or owner.kind != ReplicaSet.KIND:
        return ()
    replica_set = snapshot.get(ReplicaSet, pod.metadata.namespace, owner.name)
    parent = None if replica_set is None else replica_set.metadata.controller
    if parent is None or parent.kind != Deployment.KIND:
        return ()
    deployment = snapshot.get(Deployment, pod.metadata.namespace, parent.name)
    if deployment is None or not (deployment.spec.strategy.type == "Recreate" or deployment.spec.auto_rollback):
        return ()
    return (Key(*deployment.key),)


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A Deployment and its ReplicaSets.

    `former_pods_run`: with Recreate, whether a pod of a former revision may still run (one that is ending does).
    `trial`: with autoRollback, what the pods of a revision that was not fully available yet show.
    `name_taken`: the name for a new ReplicaSet is another's. `may_create`: its namespace takes new objects.
    """

    deployment: Deployment
    now: datetime
    claims: Claims[ReplicaSet]
    fleet: Fleet
    former_pods_run: bool = False
    trial: Trial | None = None
    name_taken: bool = False
    may_create: bool = True


class DeploymentController:
    """Moves a Deployment, one step a pass, towards its template and its size."""

    name = "deployment"
    watches: tuple[Watch, ...] = (
        Watch(Deployment, own_key),
        Watch(ReplicaSet, controller_key(Deployment)),
        Watch(ReplicaSet, orphan_keys(Deployment)),
        Watch(Pod, _waiting_keys),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> DeploymentView | None:
        """One Deployment and what belongs to it; None if it is gone."""
        deployment = snapshot.get(Deployment, *key)
        if deployment is None or selects_nothing(deployment.spec.selector):
            return None
        claims = claim(snapshot, deployment, ReplicaSet)
        current = revisions.find_current(deployment, claims.ours)
        fleet = Fleet(current, tuple(revisions.by_age(each for each in claims.ours if each is not current)))
        recreate = deployment.spec.strategy.type == "Recreate"
        return DeploymentView(
            deployment=deployment,
            now=now,
            claims=claims,
            fleet=fleet,
            former_pods_run=recreate and any(_runs_pods(snapshot, each) for each in fleet.former),
            trial=_trial(snapshot, deployment, fleet),
            name_taken=current is None and _name_taken(snapshot, deployment),
            may_create=takes_new_objects(snapshot, key.namespace),
        )

    def reconcile(self, view: DeploymentView) -> Plan:
        """First settle which ReplicaSets are ours, then make the current one or take the next step, then tell."""
        deployment, fleet = view.deployment, view.fleet
        if updates := view.claims.updates(deployment):
            return Plan(updates)
        course = canary.course(deployment, fleet, view.now)
        told = progress.status(deployment, fleet, view.now, course)
        if deployment.deleting:
            return Plan(_told(deployment, told))
        if _should_create(view):
            return _collided(deployment) if view.name_taken else _created(view)
        if way_back := _way_back(view, told, course):
            return Plan(way_back)
        complete = progress.is_complete(deployment, told, course)
        changes = _resized(view, _next_sizes(view, course), complete=complete)
        if not changes and (deployment.spec.paused or complete):
            changes = _history_trimmed(deployment, fleet)
        changes += _renumbered(deployment, fleet) or _told(deployment, told) + canary.events(deployment, course)
        resumes_at = None if course is None else course.resumes_at
        return Plan(changes, _seconds_until(view.now, progress.deadline(deployment, told), resumes_at))


def _seconds_until(now: datetime, *instants: datetime | None) -> float | None:
    """How long until the first of some instants; None if there is none."""
    return min(((at - now).total_seconds() for at in instants if at is not None), default=None)


def _trial(snapshot: Snapshot, deployment: Deployment, fleet: Fleet) -> Trial | None:
    """What the pods of a revision show that may have to be rolled back."""
    if not deployment.spec.auto_rollback or fleet.current is None or not auto_rollback.is_on_trial(fleet):
        return None
    return auto_rollback.trial(fleet.current, snapshot.by_owner(Pod, fleet.current.metadata.uid))


def _way_back(view: DeploymentView, told: DeploymentStatus, course: Course | None) -> tuple[Action, ...]:
    """What autoRollback does now, if anything; a person who paused or aborted has decided already."""
    deployment, current = view.deployment, view.fleet.current
    decided = deployment.spec.paused or (course is not None and course.aborted)
    if not deployment.spec.auto_rollback or decided or current is None:
        return ()
    failure = None if view.trial is None else view.trial.trouble
    overdue = progress.failure(told)
    if failure is None and overdue:
        failure = Failure(revisions.revision(current), progress.TIMED_OUT, overdue)
    return auto_rollback.decided(deployment, view.fleet, failure)


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
    size = canary.size_at_birth(deployment, fleet.former)
    made = revisions.new_replica_set(deployment, fleet.former, size, bounds(deployment.spec))
    actions: list[Action] = [Create(made, "new_template")]
    if size:
        actions.append(_scaling_event(deployment, made.metadata.name, 0, size))
    told = progress.status(deployment, fleet, view.now, created=made)
    return Plan((*actions, *_told(deployment, told)))


def _next_sizes(view: DeploymentView, course: Course | None) -> Sizes:
    """The sizes that this pass sets; none while a ReplicaSet has not settled."""
    deployment, fleet = view.deployment, view.fleet
    limits = auto_rollback.cautious(deployment, fleet, view.trial)
    if not fleet.settled:
        return {}
    if course is not None and not deployment.spec.paused:
        return canary.sizes(deployment, fleet, course, limits) if canary.is_told(deployment, course) else {}
    if rollout.is_scaled(deployment, fleet) or (deployment.spec.paused and len(fleet.active) < 2):
        return rollout.rescaled(deployment, fleet)
    if deployment.spec.paused:
        return {}
    if deployment.spec.strategy.type == "Recreate":
        return rollout.recreated(deployment, fleet, former_pods_run=view.former_pods_run)
    return {} if fleet.current is None else rollout.rolled(deployment, fleet, limits)


def _resized(view: DeploymentView, sizes: Sizes, *, complete: bool) -> tuple[Action, ...]:
    """One update for each ReplicaSet that is not as it should be, and an event for each new size.

    `complete`: the rollout is, which is noted on the current one, to be known when it is to be gone back to.
    """
    deployment, fleet = view.deployment, view.fleet
    limits = bounds(deployment.spec)
    actions: list[Action] = []
    for old in fleet.all:
        new = old
        if old is fleet.current:
            new = revisions.as_current(new, deployment, fleet.former)
            if complete and fleet.settled and deployment.spec.replicas:
                new = revisions.proven(new)
        if old.metadata.uid in sizes:
            new = revisions.sized(new, deployment, sizes[old.metadata.uid], limits)
        if new is old or new == old:
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
    """The Deployment with the number of its current ReplicaSet, and without memories that do not count any more.

    The status follows on the next pass.
    """
    if fleet.current is None:
        return ()
    number = revisions.number_as_current(fleet.current, fleet.former)
    new, before = deployment, deployment.metadata.annotations
    annotations = canary.heard(before, number) | {REVISION: str(number)}
    if annotations != before:
        new = evolve(new, **{"metadata.annotations": annotations})
    new = auto_rollback.forgiven(new, fleet)
    return () if new is deployment else (Update(new, "revision"),)


def _told(deployment: Deployment, status: DeploymentStatus) -> tuple[Action, ...]:
    """The status, if it is news."""
    if status == deployment.status:
        return ()
    return (SetStatus(evolve(deployment, status=status), "rollout_observed"),)


def _scaling_event(deployment: Deployment, name: str, before: int, after: int) -> Emit:
    direction = "up" if after > before else "down"
    message = f"Scaled {direction} replica set {name} from {before} to {after}"
    return Emit(deployment, "ScalingReplicaSet", message)
