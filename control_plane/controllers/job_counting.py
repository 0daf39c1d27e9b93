"""Counting a Job's ended pods: each exactly once, in the one write of the status that also settles its slot.

Reads: a Job and the pods that have ended since. Writes: nothing; returns the status with them counted.

Source: Kubernetes `pkg/controller/job/job_controller.go` (trackJobStatusAndRemoveFinalizers), backoff_utils.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from control_plane.controllers.job_pods import Settled, index_of, is_indexed, slot_of
from control_plane.controllers.job_policies import Judgement, judge
from proto.intervals import Intervals
from proto.objects.batch import IndexAttempts, Job, JobBackoff, JobStatus
from proto.objects.meta import evolve
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class Count:
    """The status with all ended pods in it, and why the podFailurePolicy ends the Job, if it does."""

    status: JobStatus
    failed_by_policy: str = ""


def count_ended(job: Job, settled: Settled, ended: Iterable[Pod], now: datetime) -> Count:
    """Count these pods, whose slots are not settled yet."""
    tally = _Tally(job, settled, now, job.status.backoff or JobBackoff())
    tally.failed = job.status.failed
    for pod in sorted(ended, key=lambda pod: (ended_at(pod, now), index_of(pod) or 0, slot_of(pod))):
        tally.add(pod)
    return Count(tally.status(), tally.failed_by_policy)


def ended_at(pod: Pod, now: datetime) -> datetime:
    """When its last container ended; unknown, or told by a clock that is ahead: now."""
    times = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.state.terminated is not None and status.state.terminated.finished_at is not None
    ]
    return min(max(times), now) if times else now


@dataclass(slots=True)
class _Tally:
    """The counts while pods are being added."""

    job: Job
    settled: Settled
    now: datetime
    backoff: JobBackoff
    failed: int = 0
    failed_by_policy: str = ""
    slots: set[int] = field(default_factory=set)
    completed: set[int] = field(default_factory=set)
    failed_indexes: set[int] = field(default_factory=set)
    succeeded: int = 0
    attempts: dict[int, IndexAttempts] = field(default_factory=dict)

    def add(self, pod: Pod) -> None:
        """Count one pod."""
        index, slot = index_of(pod), slot_of(pod)
        if index is None:
            self.slots.add(slot)
        elif index in self.completed or index in self.failed_indexes:
            return
        if pod.status.phase == "Succeeded":
            self.backoff = JobBackoff()
            self.succeeded += 1
            if index is not None:
                self.completed.add(index)
            return
        judgement = judge(self.job, pod)
        at = ended_at(pod, self.now)
        self.backoff = JobBackoff(failures=self.backoff.failures + 1, last_failure_time=at)
        if judgement.action != "Ignore":
            self.failed += 1
        if judgement.action == "FailJob":
            self.failed_by_policy = self.failed_by_policy or judgement.message
        if index is not None:
            self._fail_attempt(index, slot, judgement, at)

    def _fail_attempt(self, index: int, slot: int, judgement: Judgement, at: datetime) -> None:
        """One attempt at an index more that ended; the index has failed with the last one that it may have."""
        before = self.attempts.get(index) or self.settled.attempts.get(index) or IndexAttempts(index=index)
        failures = before.failures + (judgement.action != "Ignore")
        limit = self.job.spec.backoff_limit_per_index
        if judgement.action == "FailIndex" or (limit is not None and failures > limit):
            self.failed_indexes.add(index)
        self.attempts[index] = IndexAttempts(
            index=index, attempts=max(before.attempts, slot + 1), failures=failures, last_failure_time=at
        )

    def status(self) -> JobStatus:
        """The status that says all this; indexes that a smaller Job does not have any more are left out."""
        old = self.job.status
        common = {"failed": self.failed, "backoff": self.backoff if self.backoff.failures else None}
        if not is_indexed(self.job):
            slots = self.settled.slots | Intervals.of(self.slots)
            return evolve(old, **common, succeeded=old.succeeded + self.succeeded, settled_slots=str(slots))
        size = self.job.spec.completions or 0
        completed = (self.settled.completed | Intervals.of(self.completed)).below(size)
        failed_indexes = (self.settled.failed | Intervals.of(self.failed_indexes)).below(size)
        done = completed | failed_indexes
        attempts = {**self.settled.attempts, **self.attempts}
        return evolve(
            old,
            **common,
            succeeded=len(completed),
            completed_indexes=str(completed),
            failed_indexes=str(failed_indexes),
            index_attempts=tuple(attempts[index] for index in sorted(attempts) if index < size and index not in done),
        )
