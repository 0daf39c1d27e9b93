"""What a label selector of an object must be. Source: Kubernetes `apimachinery/pkg/apis/meta/v1/validation`."""

from __future__ import annotations

from control_plane.api.validation.metadata import check_labels
from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.meta import LabelSelector, LabelSelectorRequirement
from proto.objects.pod import PodTemplateSpec
from proto.selectors import matches


def check_selector(selector: LabelSelector, path: str, problems: Problems) -> None:
    """Keys, values, and values where the operator wants them."""
    check_labels(selector.match_labels, f"{path}.matchLabels", problems)
    for index, requirement in enumerate(selector.match_expressions):
        _check_requirement(requirement, f"{path}.matchExpressions[{index}]", problems)


def check_selects_template(
    selector: LabelSelector, template: PodTemplateSpec, path: str, owner: str, problems: Problems
) -> None:
    """A controller's selector must choose something, and above all the pods that the controller makes."""
    if not selector.match_labels and not selector.match_expressions:
        problems.required(path, f"an empty selector is invalid for {owner}: it would choose every pod")
        return
    check_selector(selector, path, problems)
    if not matches(selector, template.metadata.labels):
        problems.invalid(
            "spec.template.metadata.labels", template.metadata.labels, "`selector` does not match template `labels`"
        )


def _check_requirement(requirement: LabelSelectorRequirement, path: str, problems: Problems) -> None:
    problems.name(f"{path}.key", requirement.key, names.label_key_problem(requirement.key))
    if requirement.operator in ("In", "NotIn"):
        if not requirement.values:
            problems.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif requirement.values:
        problems.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    for index, value in enumerate(requirement.values):
        problems.name(f"{path}.values[{index}]", value, names.label_value_problem(value))
