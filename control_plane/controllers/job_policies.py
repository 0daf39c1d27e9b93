"""When a Job has succeeded or failed, what one failed pod means, and how long to wait before the next try.

Reads: a Job, its counts and its pods. Writes: nothing.

Source: Kubernetes `pkg/controller/job`: pod_failure_policy.go, success_policy.go, backoff_utils.go, and
`syncJob` for the order in which the limits are asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from control_plane.controllers.job_pods import Settled, is_indexed, is_lost
from control_plane.controllers.pods import all_statuses
from proto.intervals import Intervals
from proto.objects.batch import FailureAction, Job, JobStatus, PodFailurePolicyRule, SuccessPolicyRule
from proto.objects.meta import find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStateTerminated

BACKOFF_FIRST_S = 10.0
BACKOFF_MAX_S = 360.0

DISRUPTION = "DisruptionTarget"
"""The condition of pods that their machine took with it; here it is read off the loss of the node as well."""

Target = Literal["FailureTarget", "SuccessCriteriaMet"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """That a Job is to end, how and why."""

    target: Target
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a failed pod means; `message` tells which rule said so."""

    action: FailureAction = "Count"
    message: str = ""


def delay(failures: int) -> timedelta:
    """How long after the last of so many failures in a row the next try begins: 10 s, 20 s, 40 s … 6 minutes."""
    if failures <= 0:
        return timedelta()
    return timedelta(seconds=min(BACKOFF_FIRST_S * 2 ** min(failures - 1, 16), BACKOFF_MAX_S))


def judge(job: Job, pod: Pod) -> Judgement:
    """What the first matching rule of the podFailurePolicy says of a failed pod; none: it counts."""
    policy = job.spec.pod_failure_policy
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        matched = _match(rule, pod)
        if matched:
            return Judgement(rule.action, f"{matched} matching {rule.action} rule at index {number}")
    return Judgement()


def judge_job(job: Job, status: JobStatus, active: Sequence[Pod], now: datetime) -> Verdict | None:
    """Whether the Job, counted as in `status`, is to end; `active` are its pods that run or will."""
    settled = Settled.of(job, status)
    limit = job.spec.backoff_limit
    if limit is not None and (status.failed > limit or _restarted_too_often(job, active, limit)):
        return Verdict("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    if verdict := _judge_success(job, status, settled, bool(active)):
        return verdict
    ends = deadline(job, status)
    if ends is not None and ends <= now:
        return Verdict("FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
    return _judge_indexes(job, settled)


def standing_verdict(status: JobStatus) -> Verdict | None:
    """What was decided before: it stands, whatever happens since."""
    targets: tuple[Target, ...] = ("FailureTarget", "SuccessCriteriaMet")
    for target in targets:
        told = find_condition(status.conditions, target)
        if told is not None and told.status == "True":
            return Verdict(target, told.reason, told.message)
    return None


def deadline(job: Job, status: JobStatus) -> datetime | None:
    """When `activeDeadlineSeconds` are over; the clock stands while the Job is suspended."""
    seconds = job.spec.active_deadline_seconds
    if seconds is None or status.start_time is None or job.spec.suspend:
        return None
    try:
        return status.start_time + timedelta(seconds=seconds)
    except OverflowError:
        return None


def finished_condition(status: JobStatus) -> str:
    """`Complete`, `Failed`, or "" for a Job that is not finished."""
    for kind in ("Complete", "Failed"):
        told = find_condition(status.conditions, kind)
        if told is not None and told.status == "True":
            return kind
    return ""


def _judge_success(job: Job, status: JobStatus, settled: Settled, is_active: bool) -> Verdict | None:
    """Enough completions; where no number is wanted, one success and nobody at work; or the successPolicy."""
    wanted, reached = job.spec.completions, "Reached expected number of succeeded pods"
    done = status.succeeded > 0 and not is_active if wanted is None else status.succeeded >= wanted
    if done:
        return Verdict("SuccessCriteriaMet", "CompletionsReached", reached)
    policy = job.spec.success_policy
    for number, rule in enumerate(policy.rules if policy is not None and is_indexed(job) else ()):
        if _is_met(rule, settled.completed):
            return Verdict("SuccessCriteriaMet", "SuccessPolicy", f"Matched rules at index {number}")
    return None


def _is_met(rule: SuccessPolicyRule, completed: Intervals) -> bool:
    if not rule.succeeded_indexes:
        return rule.succeeded_count is not None and len(completed) >= rule.succeeded_count
    chosen = Intervals.parse(rule.succeeded_indexes)
    needed = len(chosen) if rule.succeeded_count is None else rule.succeeded_count
    return chosen.shared(completed) >= needed


def _judge_indexes(job: Job, settled: Settled) -> Verdict | None:
    """Too many indexes failed; or none is left to try, and some failed."""
    failed, most = len(settled.failed), job.spec.max_failed_indexes
    if most is not None and failed > most:
        words = "Job has exceeded the specified maximal number of failed indexes"
        return Verdict("FailureTarget", "MaxFailedIndexesExceeded", words)
    if is_indexed(job) and failed and len(settled.completed | settled.failed) >= (job.spec.completions or 0):
        return Verdict("FailureTarget", "FailedIndexes", "Job has failed indexes")
    return None


def _restarted_too_often(job: Job, active: Sequence[Pod], limit: int) -> bool:
    """With OnFailure the restarts in place count towards the limit (Kubernetes: pastBackoffLimitOnFailure)."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(status.restart_count for pod in active for status in all_statuses(pod))
    return restarts > 0 if limit == 0 else restarts >= limit


def _match(rule: PodFailurePolicyRule, pod: Pod) -> str:
    """What of the pod matches the rule, in words; "" if nothing does."""
    where = f"pod {pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        wanted = rule.on_exit_codes
        for name, ended in _ended_containers(pod):
            if wanted.container_name in ("", name) and ended.exit_code != 0:
                listed = ended.exit_code in wanted.values
                if listed == (wanted.operator == "In"):
                    return f"Container {name} for {where} failed with exit code {ended.exit_code}"
        return ""
    for pattern in rule.on_pod_conditions:
        if (pattern.type, pattern.status) == (DISRUPTION, "True") and is_lost(pod):
            return f"Pod {pod.metadata.namespace}/{pod.metadata.name} has condition {DISRUPTION}"
        told = find_condition(pod.status.conditions, pattern.type)
        if told is not None and told.status == pattern.status:
            return f"Pod {pod.metadata.namespace}/{pod.metadata.name} has condition {pattern.type}"
    return ""


def _ended_containers(pod: Pod) -> Iterable[tuple[str, ContainerStateTerminated]]:
    for status in all_statuses(pod):
        if status.state.terminated is not None:
            yield status.name, status.state.terminated
