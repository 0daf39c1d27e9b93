"""Progress: what a Deployment tells of itself, counts and the conditions Available, Progressing and ReplicaFailure.

Reads: a Deployment, its ReplicaSets' statuses, where its canary stands. Writes: nothing; returns the status.

A rollout *progresses* when more pods are updated, ready or available, or fewer of the former ones are left. Each step
restarts the deadline; when it passes without one, the rollout has failed to progress, and goes on trying.

A canary that waits makes no progress, and is not expected to. What is told of another revision than the current one
says nothing of its progress (in Kubernetes the deadline of the former rollout goes on).

Source: Kubernetes `pkg/controller/deployment/progress.go` and sync.go (calculateStatus).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from control_plane.controllers import auto_rollback, canary
from control_plane.controllers.canary import Course
from control_plane.controllers.conditions import Conditions, settled, without
from control_plane.controllers.rollout import Fleet, available, total
from control_plane.controllers.scaling import bounds
from proto.objects.apps import Deployment, DeploymentStatus, ReplicaSet
from proto.objects.meta import Condition, evolve, find_condition

NO_DEADLINE_S = 2**31 - 1
"""This many seconds mean: no deadline, and no Progressing condition (Kubernetes: HasProgressDeadline)."""

FINISHED = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"
CANARY_PAUSED = "CanaryPaused"
CANARY_ABORTED = "CanaryAborted"
_NOT_WAITED_FOR = frozenset({FINISHED, TIMED_OUT, PAUSED, CANARY_PAUSED, CANARY_ABORTED})


def status(
    deployment: Deployment, fleet: Fleet, now: datetime, course: Course | None = None, created: ReplicaSet | None = None
) -> DeploymentStatus:
    """The status as it is now: `course` is that of a canary, `created` the current ReplicaSet that this pass makes."""
    counted = _counted(deployment, fleet, course)
    conditions = _with_availability(deployment.status.conditions, deployment, counted, now)
    conditions = _with_progress(deployment, fleet, counted, conditions, now, course, created)
    conditions = auto_rollback.with_verdict(conditions, deployment, fleet, now)
    conditions = _with_failure(fleet, conditions, now)
    return counted if conditions == counted.conditions else evolve(counted, conditions=conditions)


def is_complete(deployment: Deployment, counted: DeploymentStatus, course: Course | None) -> bool:
    """Whether all wanted pods are of the current revision and available, no others are left, and no step is to come."""
    wanted = deployment.spec.replicas
    counts_fit = counted.updated_replicas == counted.replicas == counted.available_replicas == wanted
    return counts_fit and (course is None or course.over)


def failure(told: DeploymentStatus) -> str:
    """Why the rollout, as `told`, has failed to progress; "" if it has not."""
    progressing = find_condition(told.conditions, "Progressing")
    return progressing.message if progressing is not None and progressing.reason == TIMED_OUT else ""


def deadline(deployment: Deployment, told: DeploymentStatus) -> datetime | None:
    """When the rollout, as `told`, will have failed to progress; None while nothing is to be waited for."""
    progressing = find_condition(told.conditions, "Progressing")
    if progressing is None or progressing.reason in _NOT_WAITED_FOR:
        return None
    since = progressing.last_update_time or progressing.last_transition_time
    return None if since is None else since + timedelta(seconds=deployment.spec.progress_deadline_seconds)


def _counted(deployment: Deployment, fleet: Fleet, course: Course | None) -> DeploymentStatus:
    """The counts, over what the ReplicaSets tell, and the step of the canary."""
    available_replicas = sum(map(available, fleet.all))
    return evolve(
        deployment.status,
        observed_generation=deployment.metadata.generation,
        replicas=sum(each.status.replicas for each in fleet.all),
        updated_replicas=0 if fleet.current is None else fleet.current.status.replicas,
        ready_replicas=sum(each.status.ready_replicas for each in fleet.all),
        available_replicas=available_replicas,
        unavailable_replicas=max(0, total(fleet.all) - available_replicas),
        terminating_replicas=sum(each.status.terminating_replicas or 0 for each in fleet.all),
        canary=canary.status(deployment, fleet, course),
    )


def _with_availability(
    conditions: Conditions, deployment: Deployment, counted: DeploymentStatus, now: datetime
) -> Conditions:
    if counted.available_replicas >= bounds(deployment.spec).floor:
        text = "Deployment has minimum availability."
        return settled(conditions, _condition("Available", "True", "MinimumReplicasAvailable", text, now))
    text = "Deployment does not have minimum availability."
    return settled(conditions, _condition("Available", "False", "MinimumReplicasUnavailable", text, now))


def _with_progress(
    deployment: Deployment,
    fleet: Fleet,
    counted: DeploymentStatus,
    conditions: Conditions,
    now: datetime,
    course: Course | None,
    created: ReplicaSet | None,
) -> Conditions:
    """The conditions with what is to be said about progress."""
    if deployment.spec.progress_deadline_seconds == NO_DEADLINE_S:
        return without(conditions, "Progressing")
    if created is not None:
        text = f'Created new replica set "{created.metadata.name}"'
        return _renewed(conditions, _progressing("True", "NewReplicaSetCreated", text, now))
    conditions = _with_pause(deployment, conditions, now)
    if deployment.spec.paused or deployment.deleting:
        return conditions
    if course is not None and course.aborted:
        return settled(conditions, _progressing("False", CANARY_ABORTED, canary.abort_message(course), now))
    if course is not None and course.paused_since is not None:
        return settled(conditions, _progressing("Unknown", CANARY_PAUSED, canary.pause_message(course), now))
    if conditions != counted.conditions:
        counted = evolve(counted, conditions=conditions)
    return _with_step(deployment, fleet, counted, now, course)


def _with_pause(deployment: Deployment, conditions: Conditions, now: datetime) -> Conditions:
    """Pausing stops the deadline and resuming starts it anew; a rollout that timed out stays timed out."""
    told = find_condition(conditions, "Progressing")
    reason = "" if told is None else told.reason
    if deployment.spec.paused and reason not in (PAUSED, TIMED_OUT):
        return _renewed(conditions, _progressing("Unknown", PAUSED, "Deployment is paused", now))
    if not deployment.spec.paused and reason == PAUSED:
        return _renewed(conditions, _progressing("Unknown", RESUMED, "Deployment is resumed", now))
    return conditions


def _with_step(
    deployment: Deployment, fleet: Fleet, counted: DeploymentStatus, now: datetime, course: Course | None
) -> Conditions:
    """Finished, a step further, begun, timed out, or nothing new."""
    told = find_condition(counted.conditions, "Progressing")
    finished_before = told is not None and told.reason == FINISHED
    if finished_before and counted.replicas == counted.updated_replicas and course is None:
        return counted.conditions
    who = _who(deployment, fleet)
    if is_complete(deployment, counted, course):
        return settled(counted.conditions, _progressing("True", FINISHED, f"{who} has successfully progressed.", now))
    begins = told is None or finished_before or _was_of_another(told, fleet)
    if begins or _is_further(deployment.status, counted):
        # A step is news even if it reads like the one before: it restarts the deadline.
        return _renewed(counted.conditions, _progressing("True", "ReplicaSetUpdated", f"{who} is progressing.", now))
    ends = deadline(deployment, counted)
    if ends is not None and ends <= now:
        return settled(counted.conditions, _progressing("False", TIMED_OUT, f"{who} has timed out progressing.", now))
    return counted.conditions


def _was_of_another(told: Condition, fleet: Fleet) -> bool:
    """Whether what is told of progress is of another ReplicaSet than the current one, or of a canary that goes on."""
    if told.reason in (CANARY_PAUSED, CANARY_ABORTED):
        return True
    return any(f'"{each.metadata.name}"' in told.message for each in fleet.former)


def _is_further(before: DeploymentStatus, now: DeploymentStatus) -> bool:
    """Whether the counts show a step (Kubernetes: DeploymentProgressing)."""
    return (
        now.updated_replicas > before.updated_replicas
        or now.replicas - now.updated_replicas < before.replicas - before.updated_replicas
        or now.ready_replicas > before.ready_replicas
        or now.available_replicas > before.available_replicas
    )


def _with_failure(fleet: Fleet, conditions: Conditions, now: datetime) -> Conditions:
    """The first ReplicaFailure of its ReplicaSets, the current one's before others; none, none."""
    candidates = fleet.former if fleet.current is None else (fleet.current, *fleet.former)
    for each in candidates:
        failure = find_condition(each.status.conditions, "ReplicaFailure")
        if failure is not None and failure.status == "True":
            return settled(conditions, evolve(failure, last_update_time=now, last_transition_time=now))
    return without(conditions, "ReplicaFailure")


def _who(deployment: Deployment, fleet: Fleet) -> str:
    if fleet.current is None:
        return f'Deployment "{deployment.metadata.name}"'
    return f'ReplicaSet "{fleet.current.metadata.name}"'


def _condition(
    kind: str, value: Literal["True", "False", "Unknown"], reason: str, message: str, now: datetime
) -> Condition:
    """A Deployment's conditions also tell when they were last written."""
    return Condition(
        type=kind, status=value, reason=reason, message=message, last_update_time=now, last_transition_time=now
    )


def _progressing(value: Literal["True", "False", "Unknown"], reason: str, message: str, now: datetime) -> Condition:
    return _condition("Progressing", value, reason, message, now)


def _renewed(conditions: Conditions, new: Condition) -> Conditions:
    """`conditions` with `new` even if it reads the same; since when its status is so stays."""
    old = find_condition(conditions, new.type)
    if old is not None and old.status == new.status:
        new = evolve(new, last_transition_time=old.last_transition_time)
    return (*without(conditions, new.type), new)
