"""StatefulSet: numbered pods, each under a name of its own, made, updated and ended in order.

Reads: the StatefulSet, its ControllerRevisions, the pods it owns or could adopt. Writes: pods (creates, deletes, owner
references, identity labels), ControllerRevisions, the StatefulSet's status. Never: removes a pod by force, or makes
one while an object of its name is there. A pod's object stays until its node has said that it ended, or is known to be
fenced or gone; so **at most one pod of an ordinal runs**, whatever fails.

What to do with the pods stands in `ordered_pods`; which templates there are in `controller_revisions`.

Source: Kubernetes `pkg/controller/statefulset`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers import controller_revisions, ordered_pods
from control_plane.controllers.claims import Claims, claim, orphan_keys, selects_nothing
from control_plane.controllers.conditions import without
from control_plane.controllers.controller_revisions import Present, Revisions, revisions_of, to_settle
from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.ordered_pods import Line
from control_plane.controllers.refusals import FAILURE, failure_told
from control_plane.plan import (
    Action,
    Create,
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
from proto.objects.controller_revision import ControllerRevision
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import StatefulSet, StatefulSetStatus


@dataclass(frozen=True, slots=True)
class StatefulSetView:
    """A StatefulSet, its pods and revisions.

    `may_create`: its namespace is not going.
    """

    stateful_set: StatefulSet
    now: datetime
    pods: Claims[Pod]
    revisions: Revisions
    may_create: bool = True


class StatefulSetController:
    """Keeps the pods of a StatefulSet, in order."""

    name = "statefulset"
    watches: tuple[Watch, ...] = (
        Watch(StatefulSet, own_key),
        Watch(Pod, controller_key(StatefulSet)),
        Watch(Pod, orphan_keys(StatefulSet)),
        Watch(ControllerRevision, controller_key(StatefulSet)),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> StatefulSetView | None:
        """The pods and revisions around one StatefulSet; None if it is gone."""
        stateful_set = snapshot.get(StatefulSet, *key)
        if stateful_set is None or selects_nothing(stateful_set.spec.selector):
            return None

        def is_member(pod: Pod) -> bool:
            return not pod.deleting and ordered_pods.ordinal(stateful_set, pod) is not None

        return StatefulSetView(
            stateful_set=stateful_set,
            now=now,
            pods=claim(snapshot, stateful_set, Pod, is_member),
            revisions=revisions_of(snapshot, stateful_set),
            may_create=takes_new_objects(snapshot, key.namespace),
        )

    def reconcile(self, view: StatefulSetView) -> Plan:
        """First settle which pods and revisions are ours, then take the next steps, then tell."""
        stateful_set = view.stateful_set
        if (first := to_settle(stateful_set, view.revisions, view.pods)) is not None:
            return first
        line = _line(view, view.revisions.present)
        changes = ordered_pods.steps(line, may_create=view.may_create)
        told = _status(line, bool(changes))
        trimmed = controller_revisions.expendable(
            view.revisions.claims.ours, _live(line, told), stateful_set.spec.revision_history_limit
        )
        actions = (*changes, *_events(stateful_set, changes), *(trimmed if not changes else ()))
        news = () if told == stateful_set.status else (SetStatus(evolve(stateful_set, status=told), "pods_counted"),)
        return Plan((*actions, *news), line.next_look_s())

    def refused(self, view: StatefulSetView, action: Action, problem: str) -> Plan:
        """What to tell when a creation or deletion was refused for good: the `ReplicaFailure` condition."""
        return failure_told(view.stateful_set, self.reconcile(view), action, problem, view.now)


def _line(view: StatefulSetView, made: Present) -> Line:
    """The pods in their order, with the two revisions that there may be at a time."""
    named = {each.metadata.name: each for each in view.revisions.claims.ours}
    return ordered_pods.line(
        view.stateful_set,
        view.pods.ours,
        update=made.revision,
        current=named.get(view.stateful_set.status.current_revision, made.revision),
        now=view.now,
    )


def _live(line: Line, told: StatefulSetStatus) -> frozenset[str]:
    """The revisions that pods have, or are to get."""
    of_pods = {ordered_pods.revision_name(pod) for pod in line.all}
    return frozenset(of_pods | {told.current_revision, told.update_revision})


def _events(stateful_set: StatefulSet, changes: tuple[Action, ...]) -> tuple[Emit, ...]:
    """Every pod that is made or ended is told to people."""
    told = []
    for action in changes:
        if isinstance(action, Update):
            continue
        if action.reason == ordered_pods.FINISHED:
            told.append(_remaking(stateful_set, action.object))
        verb, reason = ("create", "SuccessfulCreate") if isinstance(action, Create) else ("delete", "SuccessfulDelete")
        message = f"{verb} Pod {action.object.metadata.name} in StatefulSet {stateful_set.metadata.name} successful"
        told.append(Emit(stateful_set, reason, message))
    return tuple(told)


def _remaking(stateful_set: StatefulSet, pod: Object) -> Emit:
    """Kubernetes' words for a pod that ended and is made anew."""
    failed = isinstance(pod, Pod) and pod.status.phase == "Failed"
    state, reason = ("failed", "RecreatingFailedPod") if failed else ("terminated", "RecreatingTerminatedPod")
    owner = f"{stateful_set.metadata.namespace}/{stateful_set.metadata.name}"
    message = f"StatefulSet {owner} is recreating {state} Pod {pod.metadata.name}"
    return Emit(stateful_set, reason, message, "Warning" if failed else "Normal")


def _status(line: Line, changing: bool) -> StatefulSetStatus:
    """The status as it is now. An update is over when all pods are of its revision, and ready."""
    stateful_set, pods = line.stateful_set, line.all
    old, wanted = stateful_set.status, stateful_set.spec.replicas
    staying = [pod for pod in pods if not pod.deleting]
    update, current = line.update.metadata.name, line.current.metadata.name
    updated = sum(ordered_pods.revision_name(pod) == update for pod in staying)
    ready = sum(map(ordered_pods.runs_ready, pods))
    if updated == wanted == len(pods) and ready == wanted:
        current = update
    conditions = old.conditions if changing or len(staying) != wanted else without(old.conditions, FAILURE)
    return StatefulSetStatus(
        observed_generation=stateful_set.metadata.generation,
        replicas=len(pods),
        ready_replicas=ready,
        available_replicas=sum(map(line.is_available, pods)),
        current_replicas=sum(ordered_pods.revision_name(pod) == current for pod in staying),
        updated_replicas=updated,
        current_revision=current,
        update_revision=update,
        collision_count=old.collision_count,
        conditions=conditions,
    )
