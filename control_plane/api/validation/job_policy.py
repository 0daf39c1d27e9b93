"""What a Job's podFailurePolicy and successPolicy must be.

Source: Kubernetes `pkg/apis/batch/validation/validation.go` (validatePodFailurePolicy, validateSuccessPolicy).
"""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto.intervals import Intervals
from proto.names import label_key_problem
from proto.objects.batch import (
    JobSpec,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicyRule,
)

RULES_MAX = 20
EXIT_CODES_MAX = 255
CONDITIONS_MAX = 20


def check_failure_policy(spec: JobSpec, path: str, problems: Problems) -> None:
    """How failed pods are judged, and that only pods which have failed are replaced."""
    policy = spec.pod_failure_policy
    assert policy is not None, "asked where there is one"
    if spec.pod_replacement_policy not in (None, "Failed"):
        problems.unsupported(f"{path}.podReplacementPolicy", spec.pod_replacement_policy, ("Failed",))
    rules_path = f"{path}.podFailurePolicy.rules"
    if len(policy.rules) > RULES_MAX:
        problems.invalid(rules_path, len(policy.rules), f"must have at most {RULES_MAX} items")
        return
    for index, rule in enumerate(policy.rules):
        _check_failure_rule(rule, spec, f"{rules_path}[{index}]", problems)


def check_success_policy(spec: JobSpec, path: str, problems: Problems) -> None:
    """When enough is done."""
    policy = spec.success_policy
    assert policy is not None, "asked where there is one"
    if spec.completion_mode != "Indexed":
        problems.invalid(f"{path}.successPolicy", policy, "requires indexed completion mode")
        return
    rules_path = f"{path}.successPolicy.rules"
    if not policy.rules:
        problems.required(rules_path, "at least one rules must be specified when the successPolicy is specified")
    if len(policy.rules) > RULES_MAX:
        problems.invalid(rules_path, len(policy.rules), f"must have at most {RULES_MAX} items")
        return
    for index, rule in enumerate(policy.rules):
        _check_success_rule(rule, spec.completions, f"{rules_path}[{index}]", problems)


def _check_failure_rule(rule: PodFailurePolicyRule, spec: JobSpec, path: str, problems: Problems) -> None:
    if rule.action == "FailIndex" and spec.backoff_limit_per_index is None:
        problems.invalid(f"{path}.action", rule.action, "requires the backoffLimitPerIndex to be set")
    if rule.on_exit_codes is not None and rule.on_pod_conditions:
        problems.invalid(path, rule, "specifying both OnExitCodes and OnPodConditions is not supported")
    elif rule.on_exit_codes is not None:
        _check_exit_codes(rule.on_exit_codes, spec, f"{path}.onExitCodes", problems)
    elif rule.on_pod_conditions:
        _check_conditions(rule, f"{path}.onPodConditions", problems)
    else:
        problems.invalid(path, rule, "specifying one of OnExitCodes and OnPodConditions is required")


def _check_exit_codes(
    wanted: PodFailurePolicyOnExitCodesRequirement, spec: JobSpec, path: str, problems: Problems
) -> None:
    pod = spec.template.spec
    names = [container.name for container in (*pod.containers, *pod.init_containers)]
    if wanted.container_name and wanted.container_name not in names:
        problems.invalid(
            f"{path}.containerName",
            wanted.container_name,
            "must be one of the container or initContainer names in the pod template",
        )
    values, values_path = wanted.values, f"{path}.values"
    if not values:
        problems.invalid(values_path, [], "at least one value is required")
    elif len(values) > EXIT_CODES_MAX:
        problems.invalid(values_path, len(values), f"must have at most {EXIT_CODES_MAX} items")
        return
    for index, value in enumerate(values):
        if wanted.operator == "In" and value == 0:
            problems.invalid(f"{values_path}[{index}]", value, "must not be 0 for the In operator")
        if value in values[:index]:
            problems.duplicate(f"{values_path}[{index}]", value)
    if list(values) != sorted(values):
        problems.invalid(values_path, list(values), "must be ordered")


def _check_conditions(rule: PodFailurePolicyRule, path: str, problems: Problems) -> None:
    if len(rule.on_pod_conditions) > CONDITIONS_MAX:
        problems.invalid(path, len(rule.on_pod_conditions), f"must have at most {CONDITIONS_MAX} items")
        return
    for index, pattern in enumerate(rule.on_pod_conditions):
        problems.name(f"{path}[{index}].type", pattern.type, label_key_problem(pattern.type))


def _check_success_rule(rule: SuccessPolicyRule, completions: int | None, path: str, problems: Problems) -> None:
    if not rule.succeeded_indexes and rule.succeeded_count is None:
        problems.required(path, "at least one of succeededCount or succeededIndexes must be specified")
        return
    available, words = completions, "the number of specified completions"
    if rule.succeeded_indexes:
        try:
            indexes = Intervals.parse(rule.succeeded_indexes)
        except ValueError as error:
            problems.invalid(
                f"{path}.succeededIndexes", rule.succeeded_indexes, f"error parsing succeededIndexes: {error}"
            )
            return
        if completions is not None and indexes.spans and indexes.spans[-1][1] >= completions:
            problems.invalid(
                f"{path}.succeededIndexes",
                rule.succeeded_indexes,
                f"error parsing succeededIndexes: too large index: {indexes.spans[-1][1]}",
            )
        available, words = len(indexes), "the number of indexes in the specified succeededIndexes field"
    if rule.succeeded_count is not None and available is not None and rule.succeeded_count > available:
        problems.invalid(
            f"{path}.succeededCount", rule.succeeded_count, f"must be less than or equal to {available} ({words})"
        )
