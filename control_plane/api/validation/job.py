"""What a Job must be, and what of it is for life.

Source: Kubernetes `pkg/apis/batch/validation/validation.go` (ValidateJob, ValidateJobSpecUpdate).
"""

from __future__ import annotations

import re

from control_plane.api.validation.job_policy import check_failure_policy, check_success_policy
from control_plane.api.validation.pod import check_any_template
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selector
from proto.names import subdomain_problem
from proto.objects.batch import CONTROLLER_UID_LABEL, Job, JobSpec
from proto.objects.meta import INT32_MAX, LabelSelector, evolve, find_condition
from proto.objects.pod import PodTemplateSpec
from proto.selectors import matches

PARALLELISM_INDEXED_MAX = 100_000
FAILED_INDEXES_MAX = 100_000
COMPLETIONS_HIGH = 100_000
HIGH_COMPLETIONS_LIMIT = 10_000
"""With more completions than `COMPLETIONS_HIGH` and a limit for each index, as many at a time, and as many failed."""

MANAGED_BY_LENGTH_MAX = 63
_PATH = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")

_FOR_LIFE = (
    ("completion_mode", "completionMode"),
    ("pod_failure_policy", "podFailurePolicy"),
    ("backoff_limit_per_index", "backoffLimitPerIndex"),
    ("success_policy", "successPolicy"),
    ("managed_by", "managedBy"),
)


def check(job: Job, problems: Problems) -> None:
    """A Job. Its selector is made when it is stored, from an identity that it then has."""
    check_spec(job.spec, "spec", problems)
    if job.spec.manual_selector:
        _check_manual_selector(job.spec, problems)
    elif job.spec.selector is not None and not _is_generated(job.spec.selector):
        problems.invalid("spec.selector", job.spec.selector, "`selector` not auto-generated")


def check_spec(spec: JobSpec, path: str, problems: Problems) -> None:
    """A Job's spec, its selector apart; also that of the Jobs which a CronJob makes."""
    if spec.active_deadline_seconds is not None:
        problems.at_least(f"{path}.activeDeadlineSeconds", spec.active_deadline_seconds, 0)
        problems.at_most(f"{path}.activeDeadlineSeconds", spec.active_deadline_seconds, INT32_MAX)
    if spec.completion_mode == "Indexed":
        _check_indexed(spec, path, problems)
    _check_per_index(spec, path, problems)
    if spec.managed_by is not None:
        _check_managed_by(spec.managed_by, f"{path}.managedBy", problems)
    check_any_template(spec.template, f"{path}.template", problems)
    _check_restart_policy(spec, f"{path}.template.spec.restartPolicy", problems)
    if spec.pod_failure_policy is not None:
        check_failure_policy(spec, path, problems)
    if spec.success_policy is not None:
        check_success_policy(spec, path, problems)


def check_update(old: Job, new: Job, problems: Problems) -> None:
    """What the counts stand on is for life; the number of indexes may change with as many running at a time."""
    if old.spec.completions != new.spec.completions:
        _check_completions_update(old.spec, new.spec, problems)
    if old.spec.selector != new.spec.selector:
        problems.invalid("spec.selector", new.spec.selector, "field is immutable")
    if _comparable_template(old, old.spec.template) != _comparable_template(old, new.spec.template):
        problems.invalid("spec.template", new.spec.template, "field is immutable")
    for name, wire_name in _FOR_LIFE:
        value = getattr(new.spec, name)
        if getattr(old.spec, name) != value:
            problems.invalid(f"spec.{wire_name}", value, "field is immutable")


def _is_generated(selector: LabelSelector) -> bool:
    return set(selector.match_labels) == {CONTROLLER_UID_LABEL} and not selector.match_expressions


def _check_manual_selector(spec: JobSpec, problems: Problems) -> None:
    selector = spec.selector
    if selector is None or not (selector.match_labels or selector.match_expressions):
        problems.required("spec.selector")
        return
    check_selector(selector, "spec.selector", problems)
    labels = spec.template.metadata.labels
    if not matches(selector, labels):
        problems.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def _check_indexed(spec: JobSpec, path: str, problems: Problems) -> None:
    if spec.completions is None:
        problems.required(f"{path}.completions", "when completion mode is Indexed")
    if spec.parallelism is not None and spec.parallelism > PARALLELISM_INDEXED_MAX:
        problems.invalid(
            f"{path}.parallelism",
            spec.parallelism,
            f"must be less than or equal to {PARALLELISM_INDEXED_MAX} when completion mode is Indexed",
        )


def _check_per_index(spec: JobSpec, path: str, problems: Problems) -> None:
    if spec.backoff_limit_per_index is not None and spec.completion_mode != "Indexed":
        problems.invalid(
            f"{path}.backoffLimitPerIndex", spec.backoff_limit_per_index, "requires indexed completion mode"
        )
    if spec.completion_mode == "Indexed" and spec.backoff_limit_per_index is not None:
        _check_many_completions(spec, path, problems)
    if spec.max_failed_indexes is None:
        return
    if spec.backoff_limit_per_index is None:
        problems.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.completion_mode != "Indexed":
        problems.invalid(f"{path}.maxFailedIndexes", spec.max_failed_indexes, "requires indexed completion mode")
        return
    if spec.completions is not None and spec.max_failed_indexes > spec.completions:
        problems.invalid(
            f"{path}.maxFailedIndexes", spec.max_failed_indexes, "must be less than or equal to completions"
        )
    _check_at_most(f"{path}.maxFailedIndexes", spec.max_failed_indexes, FAILED_INDEXES_MAX, "", problems)


def _check_many_completions(spec: JobSpec, path: str, problems: Problems) -> None:
    """What each index remembers has to fit into one status."""
    if (spec.completions or 0) <= COMPLETIONS_HIGH:
        return
    words = f" when completions are above {COMPLETIONS_HIGH} and used with backoff limit per index"
    if spec.max_failed_indexes is None:
        problems.required(f"{path}.maxFailedIndexes", f"must be specified when completions is above {COMPLETIONS_HIGH}")
    _check_at_most(f"{path}.parallelism", spec.parallelism, HIGH_COMPLETIONS_LIMIT, words, problems)
    _check_at_most(f"{path}.maxFailedIndexes", spec.max_failed_indexes, HIGH_COMPLETIONS_LIMIT, words, problems)


def _check_at_most(path: str, value: int | None, most: int, when: str, problems: Problems) -> None:
    if value is not None and value > most:
        problems.invalid(path, value, f"must be less than or equal to {most}{when}")


def _check_managed_by(name: str, path: str, problems: Problems) -> None:
    """A path with a domain before it (Kubernetes: IsDomainPrefixedPath)."""
    domain, slash, rest = name.partition("/")
    if not domain or not slash or not rest:
        problems.invalid(path, name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    elif problem := subdomain_problem(domain):
        problems.invalid(path, domain, problem)
    elif not _PATH.fullmatch(rest):
        problems.invalid(path, rest, f"Invalid path (regex used for validation is '{_PATH.pattern}')")
    if len(name) > MANAGED_BY_LENGTH_MAX:
        problems.too_long(path, MANAGED_BY_LENGTH_MAX)


def _check_restart_policy(spec: JobSpec, path: str, problems: Problems) -> None:
    """Pods of a Job end; where each failure is judged by itself they may not be restarted in place either."""
    policy = spec.template.spec.restart_policy
    if policy == "Always":
        problems.required(path, 'valid values: "OnFailure", "Never"')
        return
    for field, judged in (
        ("podFailurePolicy", spec.pod_failure_policy is not None),
        ("backoffLimitPerIndex", spec.backoff_limit_per_index is not None),
    ):
        if judged and policy != "Never":
            problems.invalid(path, policy, f'only "Never" is supported when {field} is specified')


def _check_completions_update(old: JobSpec, new: JobSpec, problems: Problems) -> None:
    if new.completion_mode != "Indexed" or new.completions is None:
        problems.invalid("spec.completions", new.completions, "field is immutable")
    elif new.completions != new.parallelism:
        problems.invalid("spec.completions", new.completions, "can only be modified in tandem with parallelism")


def _comparable_template(job: Job, template: PodTemplateSpec) -> PodTemplateSpec:
    """The template without what may still change while a Job is suspended and has never run."""
    suspended = find_condition(job.status.conditions, "Suspended")
    if not job.spec.suspend or job.status.start_time is not None or suspended is None:
        return template
    return evolve(
        template,
        **{"metadata.labels": {}, "metadata.annotations": {}, "spec.node_selector": {}, "spec.tolerations": ()},
    )
