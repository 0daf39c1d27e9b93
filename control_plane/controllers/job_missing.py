"""Which pods a Job should have at work and has not: how many, for which slots, and when the next may be made.

Reads: a Job, its status and its pods. Writes: nothing; returns pods that are to be made.

Source: Kubernetes `pkg/controller/job`: job_controller.go (manageJob), indexed_job_utils.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from control_plane.controllers.job_pods import (
    Settled,
    attempt,
    free_slots,
    has_ended,
    index_of,
    is_indexed,
    is_tracked,
    slot_of,
)
from control_plane.controllers.job_policies import delay
from proto.objects.batch import Job, JobBackoff, JobStatus
from proto.objects.pod import Pod


def wanted(job: Job, status: JobStatus, active: int) -> int:
    """How many pods should be at work; without a number of completions nobody new begins after a success."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    if job.spec.completions is None:
        return min(active, parallelism) if status.succeeded else parallelism
    return min(parallelism, max(0, job.spec.completions - status.succeeded))


def missing(
    job: Job, status: JobStatus, pods: Sequence[Pod], room: int, now: datetime
) -> tuple[Sequence[Pod], float | None]:
    """At most `room` pods that are to be made now, and in how many seconds others may be."""
    now_settled = Settled.of(job, status)
    if job.spec.backoff_limit_per_index is None:
        wait_s = _wait_s(status.backoff, now)
        if wait_s > 0:
            return (), wait_s
    if not is_indexed(job):
        return free_slots(job, now_settled, pods, room), None
    return _missing_indexes(job, now_settled, pods, room, now)


def _missing_indexes(
    job: Job, now_settled: Settled, pods: Sequence[Pod], room: int, now: datetime
) -> tuple[Sequence[Pod], float | None]:
    """The lowest indexes that nobody works on; with a limit for each index, each waits for itself."""
    taken = {pod.metadata.name for pod in pods}
    busy = {index_of(pod) for pod in pods if is_tracked(pod) and not has_ended(pod, job)}
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
            wait_s = _wait_s(JobBackoff(failures=ended.attempts, last_failure_time=ended.last_failure_time), now)
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


def doubles(active: Sequence[Pod]) -> tuple[Pod, ...]:
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
