"""CronJob: makes a Job at every time of a schedule.

Reads: a CronJob and the Jobs it controls. Writes: Jobs (creates, deletes) and the CronJob's status. Never: starts two
Jobs for one scheduled time; makes up for more than one missed time.

The Job's name is derived from the scheduled time, so a decision that is made twice names the same Job. It is created
first and `lastScheduleTime` written after it: a crash between the two repeats the creation, which does nothing.

After a downtime the last of the missed times is made up for, if `startingDeadlineSeconds` allows it.

Source: Kubernetes `pkg/controller/cronjob` (syncCronJob, cleanupFinishedJobs, mostRecentScheduleTime).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.controllers.homes import takes_new_objects
from control_plane.controllers.job_policies import finished_condition
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
from control_plane.schedules import BadSchedule, Schedule, latest_between, read_schedule, read_zone
from proto.objects.batch import CronJob, CronJobStatus, Job
from proto.objects.core import ObjectReference
from proto.objects.meta import ObjectMeta, evolve, rfc3339

MISSED_MAX = 100
"""More missed times than this are told to people: a long downtime, or a clock that is wrong."""

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"


@dataclass(frozen=True, slots=True)
class CronJobView:
    """A CronJob and the Jobs that it controls, by name; `may_create`: its namespace is not being deleted."""

    cron_job: CronJob
    now: datetime
    jobs: tuple[Job, ...] = ()
    may_create: bool = True

    @property
    def running(self) -> tuple[Job, ...]:
        """The Jobs that have not finished."""
        return tuple(job for job in self.jobs if not finished_condition(job.status))


class CronJobController:
    """Starts what is due, removes what is old, and tells what runs."""

    name = "cronjob"
    watches: tuple[Watch, ...] = (Watch(CronJob, own_key), Watch(Job, controller_key(CronJob)))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> CronJobView | None:
        """A CronJob and its Jobs; None if it is gone."""
        cron_job = snapshot.get(CronJob, *key)
        if cron_job is None:
            return None
        uid = cron_job.metadata.uid
        jobs = [job for job in snapshot.by_owner(Job, uid) if (owner := job.metadata.controller) and owner.uid == uid]
        jobs.sort(key=lambda job: job.metadata.name)
        return CronJobView(cron_job, now, tuple(jobs), may_create=takes_new_objects(snapshot, key.namespace))

    def reconcile(self, view: CronJobView) -> Plan:
        """Tell what runs, remove what is old, start what is due."""
        cron_job = view.cron_job
        status = _counted(view)
        if cron_job.deleting or cron_job.spec.suspend or not view.may_create:
            return Plan((*_history(view), *_told(view, status)))
        try:
            schedule = read_schedule(cron_job.spec.schedule, cron_job.spec.time_zone)
        except BadSchedule as problem:
            complaint = Emit(cron_job, "UnparseableSchedule", f"unparseable schedule: {problem}", "Warning")
            return Plan((*_history(view), *_told(view, status), complaint))
        starts, started_at = _start(view, schedule)
        if started_at is not None:
            status = evolve(status, last_schedule_time=started_at)
        following = schedule.next_after(view.now)
        wait_s = None if following is None else (following - view.now).total_seconds()
        return Plan((*_history(view), *starts, *_told(view, status)), wait_s)


def job_name(cron_job: CronJob, due: datetime) -> str:
    """The name of the Job of one scheduled time: it counts minutes (Kubernetes: getTimeHashInMinutes)."""
    return f"{cron_job.metadata.name}-{int(due.timestamp()) // 60}"


def _start(view: CronJobView, schedule: Schedule) -> tuple[tuple[Action, ...], datetime | None]:
    """What starts the Job of the last time that is due and was not started, and that time."""
    cron_job, now = view.cron_job, view.now
    earliest = cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp or now
    allowed = _deadline_start(cron_job, now)
    due, missed = latest_between(schedule, max(earliest, allowed or earliest), now, many=MISSED_MAX)
    if due is None:
        return (), None
    complaints = (_too_many(cron_job),) if missed > MISSED_MAX else ()
    policy, running = cron_job.spec.concurrency_policy, view.running
    if policy == "Forbid" and running:
        words = "Not starting job because prior execution is running and concurrency policy is Forbid"
        return (*complaints, Emit(cron_job, "JobAlreadyActive", words)), None
    job = _job(cron_job, due)
    replaced = [each for each in running if policy == "Replace" and each.metadata.name != job.metadata.name]
    actions = (
        *complaints,
        *_deletions(cron_job, replaced, "job_replaced"),
        Create(job, "schedule_due"),
        Emit(cron_job, "SuccessfulCreate", f"Created job {job.metadata.name}"),
    )
    return actions, due


def _deadline_start(cron_job: CronJob, now: datetime) -> datetime | None:
    """What was due before this is too late to start."""
    seconds = cron_job.spec.starting_deadline_seconds
    if seconds is None:
        return None
    # What was due exactly so many seconds ago may start still.
    return now - timedelta(seconds=seconds, microseconds=1)


def _too_many(cron_job: CronJob) -> Emit:
    words = (
        "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew; "
        "the most recent one is started"
    )
    return Emit(cron_job, "TooManyMissedTimes", words, "Warning")


def _job(cron_job: CronJob, due: datetime) -> Job:
    """The Job of one scheduled time."""
    template = cron_job.spec.job_template
    zone = cron_job.spec.time_zone
    told = due.astimezone(read_zone(zone)).isoformat(timespec="seconds") if zone else rfc3339(due)
    return Job(
        metadata=ObjectMeta(
            name=job_name(cron_job, due),
            namespace=cron_job.metadata.namespace,
            labels=template.metadata.labels,
            annotations={**template.metadata.annotations, SCHEDULED_AT: told},
            owner_references=(cron_job.owner_reference(),),
        ),
        spec=template.spec,
    )


def _history(view: CronJobView) -> tuple[Action, ...]:
    """Delete the oldest finished Jobs over the limits."""
    spec, jobs = view.cron_job.spec, [job for job in view.jobs if not job.deleting]
    old = _oldest(jobs, "Complete", spec.successful_jobs_history_limit)
    old += _oldest(jobs, "Failed", spec.failed_jobs_history_limit)
    return _deletions(view.cron_job, old, "history_limit")


def _oldest(jobs: Sequence[Job], kind: str, kept: int) -> list[Job]:
    finished = [job for job in jobs if finished_condition(job.status) == kind]
    finished.sort(key=lambda job: (job.metadata.creation_timestamp or job.status.start_time, job.metadata.name))
    return finished[: max(0, len(finished) - kept)]


def _deletions(cron_job: CronJob, jobs: Sequence[Job], reason: str) -> tuple[Action, ...]:
    deletions = (Delete(job, reason) for job in jobs if not job.deleting)
    events = (Emit(cron_job, "SuccessfulDelete", f"Deleted job {job.metadata.name}") for job in jobs)
    return (*deletions, *events)


def _counted(view: CronJobView) -> CronJobStatus:
    """The status with the Jobs that run, and the last success."""
    old = view.cron_job.status
    successes = [job.status.completion_time for job in view.jobs if job.status.completion_time is not None]
    known = [] if old.last_successful_time is None else [old.last_successful_time]
    return evolve(
        old,
        active=tuple(_reference(job) for job in view.running),
        last_successful_time=max((*known, *successes), default=None),
    )


def _reference(job: Job) -> ObjectReference:
    namespace, name = job.key
    return ObjectReference(
        api_version=job.api_version, kind=job.kind, namespace=namespace, name=name, uid=job.metadata.uid
    )


def _told(view: CronJobView, status: CronJobStatus) -> tuple[Action, ...]:
    """The status, if it is news, and the events of Jobs that ended or went."""
    cron_job = view.cron_job
    if status == cron_job.status:
        return ()
    there = {job.metadata.uid: job for job in view.jobs}
    events: list[Action] = []
    for reference in cron_job.status.active:
        job = there.get(reference.uid)
        if job is None:
            events.append(Emit(cron_job, "MissingJob", f"Active job went missing: {reference.name}"))
        elif ended := finished_condition(job.status):
            words = f"Saw completed job: {reference.name}, condition: {ended}"
            events.append(Emit(cron_job, "SawCompletedJob", words))
    return (SetStatus(evolve(cron_job, status=status), "jobs_counted"), *events)
