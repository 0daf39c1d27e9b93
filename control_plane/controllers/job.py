"""Job: runs pods until enough of them have succeeded, or too many have failed.

Reads: a Job and its pods. Writes: pods (creates, deletes, and the finalizer that holds them until they are counted) and
the Job's status. Never: adopts pods that it did not make; changes what a pod runs.

A pass counts what has ended, decides whether the Job is to end, and brings the number of active pods to what it should
be. The status is written first: it forecasts the active pods, so whoever plans from an older state is stopped there by
the compare-and-swap, before anything is created.

An end takes two steps. First it is decided (`SuccessCriteriaMet`, `FailureTarget`) and the remaining pods are stopped;
when none runs any more it is said (`Complete`, `Failed`). A pod on a node that is lost is not waited for.

Source: Kubernetes `pkg/controller/job/job_controller.go` (syncJob, manageJob).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from control_plane.controllers.conditions import Conditions, condition, settled
from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.job_counting import Count, count_ended
from control_plane.controllers.job_pods import (
    Settled,
    attempt,
    free_slots,
    has_ended,
    index_of,
    is_gone,
    is_indexed,
    is_lost,
    is_tracked,
    released,
    slot_of,
)
from control_plane.controllers.job_policies import (
    Verdict,
    deadline,
    delay,
    finished_condition,
    judge_job,
    standing_verdict,
)
from control_plane.controllers.pods import deletion_rank, is_active, is_finished, is_ready
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
from proto.objects.batch import Job, JobBackoff, JobStatus
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod

BURST = 500
"""At most so many pods are created in one pass (Kubernetes: MaxPodCreateDeletePerSync)."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job and all pods that it controls; `may_create`: its namespace is not being deleted."""

    job: Job
    now: datetime
    pods: tuple[Pod, ...] = ()
    may_create: bool = True


@dataclass(frozen=True, slots=True)
class _Changes:
    """What is to be done with pods: stop counting on some, delete some, make some; and when to look again."""

    give_up: tuple[Pod, ...] = ()
    delete: tuple[Pod, ...] = ()
    create: tuple[Pod, ...] = ()
    wait_s: float | None = None


class JobController:
    """Counts ended pods, ends the Job, or keeps as many pods at work as it should have."""

    name = "job"
    watches: tuple[Watch, ...] = (Watch(Job, own_key), Watch(Pod, controller_key(Job)))

    def __init__(self, *, burst: int = BURST):
        self._burst = burst

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> JobView | None:
        """A Job and its pods; None if it is gone, or somebody else manages it."""
        job = snapshot.get(Job, *key)
        if job is None or not job.is_ours:
            return None
        uid = job.metadata.uid
        pods = tuple(pod for pod in snapshot.by_owner(Pod, uid) if _controller_uid(pod) == uid)
        return JobView(job, now, pods, may_create=takes_new_objects(snapshot, key.namespace))

    def reconcile(self, view: JobView) -> Plan:
        """Count, decide, change."""
        job = view.job
        if job.deleting or finished_condition(job.status):
            return _wind_up(view)
        known = Settled.of(job, job.status)
        fresh = [pod for pod in view.pods if is_tracked(pod) and not known.has(pod)]
        count = count_ended(job, known, [pod for pod in fresh if has_ended(pod, job)], view.now)
        status = _started(job, count.status, view.now)
        left = Settled.of(job, status)
        alive = [pod for pod in fresh if not has_ended(pod, job) and not left.has(pod)]
        active = [pod for pod in alive if not pod.deleting]
        verdict = _verdict(job, count, status, active, view.now)
        changes = self._change(view, status, active, len(alive) - len(active), verdict)
        status = _told(view, status, active, changes, verdict)
        return Plan(_actions(view, status, changes), _next_look_s(job, status, changes, view.now))

    def _change(
        self, view: JobView, status: JobStatus, active: list[Pod], ending: int, verdict: Verdict | None
    ) -> _Changes:
        """Bring the active pods to the wanted number; those that nobody counts on any more are deleted."""
        job, now_settled = view.job, Settled.of(view.job, status)
        strays = tuple(pod for pod in view.pods if is_active(pod) and not is_tracked(pod))
        doubles = _doubles(active)
        kept = [pod for pod in active if pod not in doubles]
        if verdict is not None and verdict.target == "FailureTarget":
            return _Changes(delete=(*strays, *active))
        wanted = 0 if verdict is not None or job.spec.suspend else _wanted(job, status, len(kept))
        surplus = max(0, len(kept) - wanted)
        victims = sorted(kept, key=lambda pod: deletion_rank(pod, 0, view.now))[:surplus]
        # What is let go in this pass runs on until the next one; strays are stopped before anything is created.
        occupied = sum(map(is_active, view.pods)) - len(strays)
        if job.spec.pod_replacement_policy == "Failed":
            occupied += ending
        room = min(wanted - occupied, self._burst) if view.may_create else 0
        missing, wait_s = _missing(view, status, now_settled, room) if room > 0 else ((), None)
        more = 0.0 if len(missing) == self._burst else wait_s
        return _Changes((*doubles, *victims), strays, tuple(missing), more)


def _wind_up(view: JobView) -> Plan:
    """Of a Job that is finished or being deleted: let all its pods go, and stop those that should not run."""
    tracked = [Update(released(pod), "job_finished") for pod in view.pods if is_tracked(pod)]
    strays = [pod for pod in view.pods if is_active(pod) and not is_tracked(pod)]
    deletions = [] if view.job.deleting else [Delete(pod, "job_finished") for pod in strays]
    return Plan((*tracked, *deletions))


def _verdict(job: Job, count: Count, status: JobStatus, active: Sequence[Pod], now: datetime) -> Verdict | None:
    """How the Job is to end, if it is."""
    if standing := standing_verdict(job.status):
        return standing
    if count.failed_by_policy:
        return Verdict("FailureTarget", "PodFailurePolicy", count.failed_by_policy)
    return judge_job(job, status, active, now)


def _started(job: Job, status: JobStatus, now: datetime) -> JobStatus:
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


def _wanted(job: Job, status: JobStatus, active: int) -> int:
    """How many pods should be at work; without a number of completions nobody new begins after a success."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.completions is None:
        return min(active, parallelism) if status.succeeded else parallelism
    return min(parallelism, max(0, job.spec.completions - status.succeeded))


def _missing(view: JobView, status: JobStatus, now_settled: Settled, room: int) -> tuple[Sequence[Pod], float | None]:
    """At most `room` pods that are to be made now, and in how many seconds others may be."""
    job, now = view.job, view.now
    if job.spec.backoff_limit_per_index is None:
        wait_s = _wait_s(status.backoff, now)
        if wait_s > 0:
            return (), wait_s
    if not is_indexed(job):
        return free_slots(job, now_settled, view.pods, room), None
    return _missing_indexes(view, now_settled, room)


def _missing_indexes(view: JobView, now_settled: Settled, room: int) -> tuple[Sequence[Pod], float | None]:
    """The lowest indexes that nobody works on; with a limit for each index, each waits for itself."""
    job = view.job
    taken = {pod.metadata.name for pod in view.pods}
    busy = {index_of(pod) for pod in view.pods if is_tracked(pod) and not has_ended(pod, job)}
    waits: list[float] = []
    made: list[Pod] = []
    for index in (now_settled.completed | now_settled.failed).gaps_below(job.spec.completions or 0):
        if len(made) == room:
            break
        if index in busy:
            continue
        ended = now_settled.attempts.get(index)
        wait_s = 0.0
        if ended is not None and job.spec.backoff_limit_per_index is not None:
            wait_s = _wait_s(JobBackoff(failures=ended.attempts, last_failure_time=ended.last_failure_time), view.now)
        if wait_s > 0:
            waits.append(wait_s)
        else:
            made.append(attempt(job, now_settled, index, taken))
    return made, min(waits, default=None)


def _wait_s(backoff: JobBackoff | None, now: datetime) -> float:
    """How long the next try is still to wait; a clock that went back does not make it longer than the delay."""
    if backoff is None or backoff.last_failure_time is None:
        return 0.0
    pause = delay(backoff.failures)
    return min((backoff.last_failure_time + pause - now).total_seconds(), pause.total_seconds())


def _doubles(active: Sequence[Pod]) -> tuple[Pod, ...]:
    """Pods whose index is worked on by an earlier attempt too."""
    found, seen = list[Pod](), set[int]()
    for pod in sorted(active, key=slot_of):
        index = index_of(pod)
        if index is None:
            continue
        if index in seen:
            found.append(pod)
        seen.add(index)
    return tuple(found)


def _told(
    view: JobView, status: JobStatus, active: Sequence[Pod], changes: _Changes, verdict: Verdict | None
) -> JobStatus:
    """The status with the counts of pods, as they will be after this pass, and how the Job ends."""
    stopped = {pod.metadata.name for pod in (*changes.give_up, *changes.delete)}
    going_on = [pod for pod in active if pod.metadata.name not in stopped]
    status = evolve(
        status,
        active=len(going_on) + len(changes.create),
        ready=sum(map(is_ready, going_on)),
        terminating=sum(pod.deleting and not is_finished(pod) for pod in view.pods),
    )
    if verdict is None:
        return status
    conditions = _with(status.conditions, verdict.target, verdict, view.now)
    if any(not (is_finished(pod) or is_gone(pod) or is_lost(pod)) for pod in view.pods):
        return evolve(status, conditions=conditions)
    if verdict.target == "FailureTarget":
        return evolve(status, conditions=_with(conditions, "Failed", verdict, view.now))
    return evolve(status, conditions=_with(conditions, "Complete", verdict, view.now), completion_time=view.now)


def _with(conditions: Conditions, kind: str, verdict: Verdict, now: datetime) -> Conditions:
    return settled(conditions, condition(kind, "True", verdict.reason, verdict.message, now))


def _actions(view: JobView, status: JobStatus, changes: _Changes) -> tuple[Action, ...]:
    """First the status, which settles; then let go what is settled; stop before creating."""
    job, now_settled = view.job, Settled.of(view.job, status)
    actions: list[Action] = []
    if status != job.status:
        actions.append(SetStatus(evolve(job, status=status), "pods_counted"))
        actions += _events(job, status)
    given_up = {pod.metadata.name for pod in changes.give_up}
    for pod in view.pods:
        if is_tracked(pod) and pod.metadata.name in given_up:
            actions.append(Update(released(pod), "pod_given_up"))
        elif is_tracked(pod) and now_settled.has(pod):
            actions.append(Update(released(pod), "pod_counted"))
    actions += [Delete(pod, "pod_not_needed", at_revision=True) for pod in changes.delete]
    actions += [Emit(job, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}") for pod in changes.delete]
    actions += [Create(pod, "pod_missing") for pod in changes.create]
    actions += [Emit(job, "SuccessfulCreate", f"Created pod: {pod.metadata.name}") for pod in changes.create]
    return tuple(actions)


def _events(job: Job, status: JobStatus) -> list[Action]:
    """What people are told when a condition turns."""
    words: dict[str, tuple[str, str, Any]] = {
        "SuspendedTrue": ("Suspended", "Job suspended", "Normal"),
        "SuspendedFalse": ("Resumed", "Job resumed", "Normal"),
        "CompleteTrue": ("Completed", "Job completed", "Normal"),
    }
    told: list[Action] = []
    for new in status.conditions:
        old = find_condition(job.status.conditions, new.type)
        if old is not None and old.status == new.status:
            continue
        if new.type == "Failed":
            told.append(Emit(job, new.reason, new.message, "Warning"))
        elif new.type + new.status in words:
            told.append(Emit(job, *words[new.type + new.status]))
    return told


def _next_look_s(job: Job, status: JobStatus, changes: _Changes, now: datetime) -> float | None:
    """When something is due though nothing changes: a delayed try, the deadline."""
    due = [] if changes.wait_s is None else [changes.wait_s]
    ends = deadline(job, status)
    if ends is not None and standing_verdict(status) is None:
        due.append(max((ends - now) / timedelta(seconds=1), 0.0))
    return min(due, default=None)


def _controller_uid(pod: Pod) -> str:
    owner = pod.metadata.controller
    return "" if owner is None else owner.uid
