"""Every pod of a Job is counted once, whatever restarts in between.

The audit's own count of the pods that were seen to succeed is what the status is compared with. A pod that was to end
already when it succeeded may have been counted as failed before: either is right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from proto.objects.batch import Job
from proto.objects.meta import Object, find_condition
from proto.objects.pod import Pod
from tests.sim.checks.check import Check
from tests.sim.cluster import Cluster
from tests.sim.people import People


class JobCounts(Check):
    """By the uid of each Job: the pods that were there, and those that succeeded."""

    def __init__(self, cluster: Cluster, people: People):
        super().__init__(cluster, people)
        self._pods: dict[str, set[str]] = defaultdict(set)
        self._succeeded: dict[str, set[str]] = defaultdict(set)
        self._succeeded_late: dict[str, set[str]] = defaultdict(set)

    def changed(self, before: Object | None, after: Object, gone: bool) -> Iterable[str]:
        if isinstance(after, Pod):
            self._take_pod(after)
        if isinstance(after, Job) and not gone:
            yield from self._judge(before if isinstance(before, Job) else None, after)

    def _take_pod(self, pod: Pod) -> None:
        owner = pod.metadata.controller
        if owner is not None and owner.kind == "Job":
            self._pods[owner.uid].add(pod.metadata.uid)
            if pod.status.phase == "Succeeded":
                if pod.deleting and pod.metadata.uid not in self._succeeded[owner.uid]:
                    self._succeeded_late[owner.uid].add(pod.metadata.uid)
                self._succeeded[owner.uid].add(pod.metadata.uid)

    def _judge(self, before: Job | None, job: Job) -> Iterable[str]:
        name, uid, status = job.metadata.name, job.metadata.uid, job.status
        if status.succeeded > len(self._succeeded[uid]):
            yield f"Job {name} counts {status.succeeded} that succeeded, of {len(self._succeeded[uid])}"
        if status.succeeded + status.failed > len(self._pods[uid]):
            yield f"Job {name} counts {status.succeeded + status.failed} pods that ended, of {len(self._pods[uid])}"
        if before is not None and before.metadata.uid == uid:
            earlier = before.status
            if status.succeeded < earlier.succeeded or status.failed < earlier.failed:
                yield f"Job {name} counts fewer pods than before"
            if find_condition(earlier.conditions, "Complete") and not find_condition(status.conditions, "Complete"):
                yield f"Job {name} was complete and is not any more"
        complete = find_condition(status.conditions, "Complete")
        if complete and complete.status == "True" and job.spec.completions != status.succeeded:
            yield f"Job {name} is complete with {status.succeeded} of {job.spec.completions}"

    def settled(self) -> Iterable[str]:
        for job in self.cluster.audit.objects.values():
            if isinstance(job, Job):
                most = len(self._succeeded[job.metadata.uid])
                least = most - len(self._succeeded_late[job.metadata.uid])
                if not least <= job.status.succeeded <= most:
                    yield f"Job {job.metadata.name} counts {job.status.succeeded}, but {least} to {most} succeeded"
