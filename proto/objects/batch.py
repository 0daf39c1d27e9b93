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
    """Of which container; without it, of any."""
    operator: Literal["In", "NotIn"]
    """In or NotIn."""
    values: Many[Number] = ()
    """The exit codes."""


class PodFailurePolicyOnPodConditionsPattern(Model):
    """Matches a failed pod by one of its conditions."""

    type: str
    """The condition, such as DisruptionTarget."""
    status: Literal["True", "False", "Unknown"] = "True"
    """The status it must have."""


class PodFailurePolicyRule(Model):
    """What to do about a failed pod that matches; exactly one of the two requirements is set."""

    action: FailureAction
    """FailJob, FailIndex, Ignore (not counted) or Count."""
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    """It is about these exit codes."""
    on_pod_conditions: Many[PodFailurePolicyOnPodConditionsPattern] = ()
    """It is about pods with these conditions."""


class PodFailurePolicy(Model):
    """How failed pods are judged: the first rule that matches decides; none, and the failure counts."""

    rules: Many[PodFailurePolicyRule] = ()
    """The first that matches counts."""


class SuccessPolicyRule(Model):
    """Enough is done when these indexes, or so many (of these), have succeeded."""

    succeeded_indexes: Text = ""
    """Indexes that must have succeeded, such as `0,2-4`."""
    succeeded_count: Count | None = None
    """So many of them, or of all, must have."""


class SuccessPolicy(Model):
    """When an Indexed Job has succeeded though not every index has: the first rule that is met."""

    rules: Many[SuccessPolicyRule] = ()
    """One of which must hold."""


class JobSpec(Model):
    """What is to be done, how often, how many at a time, and when to give up.

    `None` where Kubernetes' default depends on other fields; admission fills it in, except in `completions` (none: any
    success is enough) and the limits that need not be there.
    """

    parallelism: Count | None = None
    """So many pods run at a time."""
    completions: Count | None = None
    """So many must succeed; without it, any success ends the Job."""
    completion_mode: Literal["NonIndexed", "Indexed"] = "NonIndexed"
    """NonIndexed: pods are alike; Indexed: each has a number from 0, in `JOB_COMPLETION_INDEX`."""
    backoff_limit: Count | None = None
    """So many failures of pods are tried again before the Job fails."""
    backoff_limit_per_index: Count | None = None
    """The same for each index."""
    max_failed_indexes: Count | None = None
    """So many failed indexes are borne."""
    active_deadline_seconds: Number | None = None
    """A Job that runs longer fails."""
    ttl_seconds_after_finished: Count | None = None
    """So long after its end it is removed."""
    suspend: bool = False
    """Whether its pods are held back; those that run are ended."""
    pod_failure_policy: PodFailurePolicy | None = None
    """What certain failures of pods mean."""
    success_policy: SuccessPolicy | None = None
    """When the Job has succeeded before all completions have."""
    pod_replacement_policy: Literal["TerminatingOrFailed", "Failed"] | None = None
    """Whether a pod that is ending is replaced at once, or when it has ended."""
    manual_selector: bool | None = None
    """Whether `selector` is the writer's own."""
    managed_by: Text | None = None
    """Who brings the Job to its end: this cluster's own controller (`kubernetes.io/job-controller`, the default), or
    another program, whose Job is then left alone here. For life."""
    selector: LabelSelector | None = None
    """The pods that belong to it; made by the cluster."""
    template: PodTemplateSpec = PodTemplateSpec()
    """The pods to make."""


class JobBackoff(Model):
    """An extension: failures in a row, and when the last of them was; from these the next try is delayed."""

    failures: Count = 0
    """Failures since the last success."""
    last_failure_time: Timestamp | None = None
    """When the last was."""


class IndexAttempts(Model):
    """An extension: how an index that is not done yet has fared.

    `attempts` have ended and are counted: the pods of lower numbers. `failures` of them count towards the limit.
    """

    index: Count
    """The index."""
    attempts: Count = 0
    """Pods that were made for it."""
    failures: Count = 0
    """How many of them failed."""
    last_failure_time: Timestamp | None = None
    """When the last of them did."""


class JobStatus(Model):
    """How far it is.

    Two extensions hold what makes the counts exact: `settledSlots` are the numbers of the pods that are in
    `succeeded` or `failed` already (or were to be ignored), `indexAttempts` the same for an Indexed Job.
    """

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"uncountedTerminatedPods"})

    active: Count = 0
    """Pods that run or wait."""
    ready: Count | None = None
    """Pods that are ready."""
    terminating: Count | None = None
    """Pods that are ending."""
    succeeded: Count = 0
    """Pods that succeeded, each counted once."""
    failed: Count = 0
    """Pods that failed, each counted once."""
    completed_indexes: Text = ""
    """Indexes that have succeeded, such as `0-3,7`."""
    failed_indexes: Text = ""
    """Indexes that have failed for good."""
    settled_slots: Text = ""
    """An extension: the places whose pods ended and were counted, so that no pod is counted twice."""
    index_attempts: Many[IndexAttempts] = ()
    """An extension: of indexes that are not done, how often they were tried."""
    backoff: JobBackoff | None = None
    """An extension: what the wait before the next pod depends on."""
    start_time: Timestamp | None = None
    """When it began, or began again."""
    completion_time: Timestamp | None = None
    """When it succeeded."""
    conditions: Many[Condition] = ()
    """Complete, Failed, Suspended and what leads to them."""


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
    """Labels and annotations of the Jobs."""
    spec: JobSpec = JobSpec()
    """What they do."""


class CronJobSpec(Model):
    """When, and what; and what if the last one still runs, or its time has passed."""

    schedule: str = ""
    """When: five fields, names, or a macro such as @daily."""
    time_zone: str | None = None
    """The time zone of the schedule, such as `Europe/Berlin`; without it, UTC."""
    starting_deadline_seconds: Count | None = None
    """A start that was missed for longer is skipped."""
    concurrency_policy: Literal["Allow", "Forbid", "Replace"] = "Allow"
    """Allow: Jobs may overlap; Forbid: skip while one runs; Replace: end the one that runs."""
    suspend: bool = False
    """Whether no further Jobs are made."""
    job_template: JobTemplateSpec = JobTemplateSpec()
    """The Jobs to make."""
    successful_jobs_history_limit: Count = 3
    """So many succeeded Jobs are kept."""
    failed_jobs_history_limit: Count = 1
    """So many failed Jobs are kept."""


class CronJobStatus(Model):
    """The Jobs that run, and when the last one was due and the last one succeeded."""

    active: Many[ObjectReference] = ()
    """The Jobs that run."""
    last_schedule_time: Timestamp | None = None
    """The last time that a Job was made for."""
    last_successful_time: Timestamp | None = None
    """When a Job last succeeded."""


class CronJob(Object):
    """Makes a Job at every time of a schedule."""

    API_VERSION: ClassVar[str] = "batch/v1"
    KIND: ClassVar[str] = "CronJob"

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()
