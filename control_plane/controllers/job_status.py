"""What a Job says of itself: since when it runs, how many pods are at work, how it ends; and the events of that.

Reads: a Job and its pods, as they will be after this pass. Writes: nothing; returns the status and actions that tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from control_plane.controllers.conditions import Conditions, condition, settled
from control_plane.controllers.job_pods import is_gone, is_lost
from control_plane.controllers.job_policies import Verdict
from control_plane.controllers.pods import is_finished, is_ready
from control_plane.plan import Action, Emit
from proto.objects.batch import Job, JobStatus
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod


def started(job: Job, status: JobStatus, now: datetime) -> JobStatus:
    """Since when it runs, which begins anew with every resumption; and whether it is suspended."""
    told = find_condition(status.conditions, "Suspended")
    if job.spec.suspend:
        suspension = condition("Suspended", "True", "JobSuspended", "Job suspended", now)
        return evolve(status, start_time=None, conditions=settled(status.conditions, suspension))
    conditions, start = status.conditions, status.start_time
    if told is not None and told.status == "True":
        conditions = settled(conditions, condition("Suspended", "False", "JobResumed", "Job resumed", now))
        start = None
    return evolve(status, start_time=start or now, conditions=conditions)


def told(
    status: JobStatus,
    pods: Sequence[Pod],
    going_on: Sequence[Pod],
    created: int,
    verdict: Verdict | None,
    now: datetime,
) -> JobStatus:
    """The status with the counts of pods, and how the Job ends. `going_on`: those at work that stay so."""
    status = evolve(
        status,
        active=len(going_on) + created,
        ready=sum(map(is_ready, going_on)),
        terminating=sum(pod.deleting and not is_finished(pod) for pod in pods),
    )
    if verdict is None:
        return status
    conditions = _with(status.conditions, verdict.target, verdict, now)
    if any(not (is_finished(pod) or is_gone(pod) or is_lost(pod)) for pod in pods):
        return evolve(status, conditions=conditions)
    if verdict.target == "FailureTarget":
        return evolve(status, conditions=_with(conditions, "Failed", verdict, now))
    return evolve(status, conditions=_with(conditions, "Complete", verdict, now), completion_time=now)


def _with(conditions: Conditions, kind: str, verdict: Verdict, now: datetime) -> Conditions:
    return settled(conditions, condition(kind, "True", verdict.reason, verdict.message, now))


def events(job: Job, status: JobStatus) -> list[Action]:
    """What people are told when a condition turns."""
    words: dict[str, tuple[str, str, Any]] = {
        "SuspendedTrue": ("Suspended", "Job suspended", "Normal"),
        "SuspendedFalse": ("Resumed", "Job resumed", "Normal"),
        "CompleteTrue": ("Completed", "Job completed", "Normal"),
    }
    found: list[Action] = []
    for new in status.conditions:
        old = find_condition(job.status.conditions, new.type)
        if old is not None and old.status == new.status:
            continue
        if new.type == "Failed":
            found.append(Emit(job, new.reason, new.message, "Warning"))
        elif new.type + new.status in words:
            found.append(Emit(job, *words[new.type + new.status]))
    return found
