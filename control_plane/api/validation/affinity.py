"""What a pod's affinity must be. Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateAffinity)."""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto import names
from proto.node_affinity import NAME_FIELD
from proto.objects.affinity import Affinity, NodeSelectorRequirement

_REQUIRED = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


def check_affinity(affinity: Affinity, path: str, problems: Problems) -> None:
    """Terms there must be, and each of their requirements must be one that can hold."""
    node = affinity.node_affinity
    required = node.required_during_scheduling_ignored_during_execution if node is not None else None
    if required is None:
        return
    where = f"{path}.{_REQUIRED}"
    if not required.node_selector_terms:
        problems.required(where, "must have at least one node selector term")
    for index, term in enumerate(required.node_selector_terms):
        for number, requirement in enumerate(term.match_expressions):
            _check_expression(requirement, f"{where}[{index}].matchExpressions[{number}]", problems)
        for number, requirement in enumerate(term.match_fields):
            _check_field(requirement, f"{where}[{index}].matchFields[{number}]", problems)


def _check_expression(requirement: NodeSelectorRequirement, path: str, problems: Problems) -> None:
    problems.name(f"{path}.key", requirement.key, names.label_key_problem(requirement.key))
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                problems.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
            for index, value in enumerate(requirement.values):
                problems.name(f"{path}.values[{index}]", value, names.label_value_problem(value))
        case "Exists" | "DoesNotExist":
            if requirement.values:
                problems.forbidden(
                    f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                )
        case "Gt" | "Lt":
            if len(requirement.values) != 1:
                problems.required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'")
            elif not requirement.values[0].removeprefix("-").isdecimal():
                problems.invalid(f"{path}.values[0]", requirement.values[0], "must be a whole number")


def _check_field(requirement: NodeSelectorRequirement, path: str, problems: Problems) -> None:
    if requirement.key != NAME_FIELD:
        problems.invalid(f"{path}.key", requirement.key, f"not a valid field selector key, only {NAME_FIELD} is")
    if requirement.operator not in ("In", "NotIn"):
        problems.invalid(f"{path}.operator", requirement.operator, "not a valid selector operator")
    elif len(requirement.values) != 1:
        problems.required(
            f"{path}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        )
    for index, value in enumerate(requirement.values):
        problems.name(f"{path}.values[{index}]", value, names.subdomain_problem(value))
