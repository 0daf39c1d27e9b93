"""The batch group (`batch/v1`): Job and CronJob.

Source: Kubernetes API reference, batch/v1.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from proto.objects.core import ObjectReference
from proto.objects.meta import (
    Condition,
    Count,
    LabelSelector,
    Many,
    Model,
    Number,
    Object,
    ObjectMeta,
    Text,
    Timestamp,
)
from proto.objects.pod import PodTemplateSpec

CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
LABEL_LENGTH_MAX = 63

JOB_CONTROLLER = "kubernetes.io/job-controller"
"""What `managedBy` says of Jobs that are ours to bring to an end."""

FailureAction = Literal["FailJob", "FailIndex", "Ignore", "Count"]


class PodFailurePolicyOnExitCodesRequirement(Model):
    """Matches a failed container by its exit code; without a name, any container."""

    container_name: Text = ""
    operator: Literal["In", "NotIn"]
    values: Many[Number] = ()


class PodFailurePolicyOnPodConditionsPattern(Model):
    """Matches a failed pod by one of its conditions."""

    type: str
    status: Literal["True", "False", "Unknown"] = "True"


class PodFailurePolicyRule(Model):
    """What to do about a failed pod that matches; exactly one of the two requirements is set."""

    action: FailureAction
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: Many[PodFailurePolicyOnPodConditionsPattern] = ()


class PodFailurePolicy(Model):
    """How failed pods are judged: the first rule that matches decides; none, and the failure counts."""

    rules: Many[PodFailurePolicyRule] = ()


class SuccessPolicyRule(Model):
    """Enough is done when these indexes, or so many (of these), have succeeded."""

    succeeded_indexes: Text = ""
    succeeded_count: Count | None = None


class SuccessPolicy(Model):
    """When an Indexed Job has succeeded though not every index has: the first rule that is met."""

    rules: Many[SuccessPolicyRule] = ()


class JobSpec(Model):
    """What is to be done, how often, how many at a time, and when to give up.

    `None` where Kubernetes' default depends on other fields; admission fills it in, except in `completions` (none: any
    success is enough) and the limits that need not be there.
    """

    parallelism: Count | None = None
    completions: Count | None = None
    completion_mode: Literal["NonIndexed", "Indexed"] = "NonIndexed"
    backoff_limit: Count | None = None
    backoff_limit_per_index: Count | None = None
    max_failed_indexes: Count | None = None
    active_deadline_seconds: Number | None = None
    ttl_seconds_after_finished: Count | None = None
    suspend: bool = False
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    pod_replacement_policy: Literal["TerminatingOrFailed", "Failed"] | None = None
    manual_selector: bool | None = None
    managed_by: Text | None = None
    """Who brings the Job to its end: this cluster's own controller (`kubernetes.io/job-controller`, the default), or
    another program, whose Job is then left alone here. For life."""
    selector: LabelSelector | None = None
    template: PodTemplateSpec = PodTemplateSpec()


class JobBackoff(Model):
    """An extension: failures in a row, and when the last of them was; from these the next try is delayed."""

    failures: Count = 0
    last_failure_time: Timestamp | None = None


class IndexAttempts(Model):
    """An extension: how an index that is not done yet has fared.

    `attempts` have ended and are counted: the pods of lower numbers. `failures` of them count towards the limit.
    """

    index: Count
    attempts: Count = 0
    failures: Count = 0
    last_failure_time: Timestamp | None = None


class JobStatus(Model):
    """How far it is.

    Two extensions hold what makes the counts exact: `settledSlots` are the numbers of the pods that are in
    `succeeded` or `failed` already (or were to be ignored), `indexAttempts` the same for an Indexed Job.
    """

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"uncountedTerminatedPods"})

    active: Count = 0
    ready: Count | None = None
    terminating: Count | None = None
    succeeded: Count = 0
    failed: Count = 0
    completed_indexes: Text = ""
    failed_indexes: Text = ""
    settled_slots: Text = ""
    index_attempts: Many[IndexAttempts] = ()
    backoff: JobBackoff | None = None
    start_time: Timestamp | None = None
    completion_time: Timestamp | None = None
    conditions: Many[Condition] = ()


class Job(Object):
    """Runs pods until so many of them have succeeded."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "Job"

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def is_ours(self) -> bool:
        """Whether the control plane's own controller manages it."""
        return self.spec.managed_by in (None, JOB_CONTROLLER)


def job_labels(name: str, uid: str) -> dict[str, str]:
    """The labels of a Job's pods, also under their names of old; a name too long for a label is cut."""
    short = name[:LABEL_LENGTH_MAX].rstrip("-.")
    return {CONTROLLER_UID_LABEL: uid, "controller-uid": uid, JOB_NAME_LABEL: short, "job-name": short}


class JobTemplateSpec(Model):
    """The Jobs that a CronJob makes."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec = JobSpec()


class CronJobSpec(Model):
    """When, and what; and what if the last one still runs, or its time has passed."""

    schedule: str = ""
    time_zone: str | None = None
    starting_deadline_seconds: Count | None = None
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Allow"
    suspend: bool = False
    job_template: JobTemplateSpec = JobTemplateSpec()
    successful_jobs_history_limit: Count = 3
    failed_jobs_history_limit: Count = 1


class CronJobStatus(Model):
    """The Jobs that run, and when the last one was due and the last one succeeded."""

    active: Many[ObjectReference] = ()
    last_schedule_time: Timestamp | None = None
    last_successful_time: Timestamp | None = None


class CronJob(Object):
    """Makes a Job at every time of a schedule."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "CronJob"

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()
