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

from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.job_counting import Count, count_ended
from control_plane.controllers.job_missing import doubles, missing, wanted
from control_plane.controllers.job_pods import (
    Settled,
    has_ended,
    is_tracked,
    released,
)
from control_plane.controllers.job_policies import (
    Verdict,
    deadline,
    finished_condition,
    judge_job,
    standing_verdict,
)
from control_plane.controllers.job_status import events, started, told
from control_plane.controllers.pods import deletion_rank, is_active
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
from proto.objects.batch import Job, JobStatus
from proto.objects.meta import evolve
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
        status = started(job, count.status, view.now)
        left = Settled.of(job, status)
        alive = [pod for pod in fresh if not has_ended(pod, job) and not left.has(pod)]
        active = [pod for pod in alive if not pod.deleting]
        verdict = _verdict(job, count, status, active, view.now)
        changes = self._change(view, status, active, len(alive) - len(active), verdict)
        stopped = {pod.metadata.name for pod in (*changes.give_up, *changes.delete)}
        going_on = [pod for pod in active if pod.metadata.name not in stopped]
        status = told(status, view.pods, going_on, len(changes.create), verdict, view.now)
        return Plan(_actions(view, status, changes), _next_look_s(job, status, changes, view.now))

    def _change(
        self, view: JobView, status: JobStatus, active: list[Pod], ending: int, verdict: Verdict | None
    ) -> _Changes:
        """Bring the active pods to the wanted number; those that nobody counts on any more are deleted."""
        job = view.job
        strays = tuple(pod for pod in view.pods if is_active(pod) and not is_tracked(pod))
        doubled = doubles(active)
        kept = [pod for pod in active if pod not in doubled]
        if verdict is not None and verdict.target == "FailureTarget":
            return _Changes(delete=(*strays, *active))
        aim = 0 if verdict is not None or job.spec.suspend else wanted(job, status, len(kept))
        surplus = max(0, len(kept) - aim)
        victims = sorted(kept, key=lambda pod: deletion_rank(pod, 0, view.now))[:surplus]
        # What is let go in this pass runs on until the next one; strays are stopped before anything is created.
        occupied = sum(map(is_active, view.pods)) - len(strays)
        if job.spec.pod_replacement_policy == "Failed":
            occupied += ending
        room = min(aim - occupied, self._burst) if view.may_create else 0
        made, wait_s = missing(job, status, view.pods, room, view.now) if room > 0 else ((), None)
        more = 0.0 if len(made) == self._burst else wait_s
        return _Changes((*doubled, *victims), strays, tuple(made), more)


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


def _actions(view: JobView, status: JobStatus, changes: _Changes) -> tuple[Action, ...]:
    """First the status, which settles; then let go what is settled; stop before creating."""
    job, now_settled = view.job, Settled.of(view.job, status)
    actions: list[Action] = []
    if status != job.status:
        actions.append(SetStatus(evolve(job, status=status), "pods_counted"))
        actions += events(job, status)
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
