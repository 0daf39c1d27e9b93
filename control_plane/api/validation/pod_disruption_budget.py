"""What a PodDisruptionBudget must be.

Source: Kubernetes `pkg/apis/policy/validation/validation.go` (ValidatePodDisruptionBudgetSpec).
"""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selector
from control_plane.api.validation.shares import check_not_above_all, check_share
from proto.objects.policy import PodDisruptionBudget


def check(budget: PodDisruptionBudget, problems: Problems) -> None:
    """A PodDisruptionBudget."""
    spec = budget.spec
    if spec.min_available is not None and spec.max_unavailable is not None:
        problems.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", spec.min_available), ("maxUnavailable", spec.max_unavailable)):
        if value is not None:
            check_share(value, f"spec.{name}", problems)
            check_not_above_all(value, f"spec.{name}", problems)
    if spec.selector is not None:
        check_selector(spec.selector, "spec.selector", problems)
