"""What a DaemonSet must be. Source: Kubernetes `pkg/apis/apps/validation/validation.go` (ValidateDaemonSet)."""

from __future__ import annotations

from control_plane.api.validation.pod import check_template
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selects_template
from control_plane.api.validation.shares import check_not_above_all, check_share
from proto.objects.daemon_set import DaemonSet, DaemonSetUpdateStrategy


def check(daemon_set: DaemonSet, problems: Problems) -> None:
    """A DaemonSet."""
    spec = daemon_set.spec
    check_selects_template(spec.selector, spec.template, "spec.selector", "a daemon set", problems)
    check_template(spec.template, "spec.template", problems)
    _check_strategy(spec.update_strategy, "spec.updateStrategy", problems)


def check_update(old: DaemonSet, new: DaemonSet, problems: Problems) -> None:
    """The selector is for life."""
    if old.spec.selector != new.spec.selector:
        problems.invalid("spec.selector", new.spec.selector, "field is immutable")


def _check_strategy(strategy: DaemonSetUpdateStrategy, path: str, problems: Problems) -> None:
    """An update must be able to move, by one way of the two. With `OnDelete` it does not matter (as in Kubernetes)."""
    rolling = strategy.rolling_update
    if rolling is None or strategy.type == "OnDelete":
        return
    surge = check_share(rolling.max_surge, f"{path}.rollingUpdate.maxSurge", problems)
    unavailable = check_share(rolling.max_unavailable, f"{path}.rollingUpdate.maxUnavailable", problems)
    check_not_above_all(rolling.max_surge, f"{path}.rollingUpdate.maxSurge", problems)
    check_not_above_all(rolling.max_unavailable, f"{path}.rollingUpdate.maxUnavailable", problems)
    if surge == 0 and unavailable == 0:
        problems.required(f"{path}.rollingUpdate.maxUnavailable", "cannot be 0 when maxSurge is 0")
    if surge and unavailable:
        problems.invalid(
            f"{path}.rollingUpdate.maxSurge", rolling.max_surge, "may not be set when maxUnavailable is non-zero"
        )
