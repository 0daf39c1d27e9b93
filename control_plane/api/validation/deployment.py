"""What a Deployment must be. Source: Kubernetes `pkg/apis/apps/validation/validation.go` (ValidateDeployment)."""

from __future__ import annotations

from control_plane.api.validation.pod import CHOOSES, check_template
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selects_template
from control_plane.api.validation.shares import check_not_above_all, check_share
from proto.objects.apps import CanaryStep, Deployment, DeploymentStrategy


def check(deployment: Deployment, problems: Problems) -> None:
    """A Deployment."""
    spec = deployment.spec
    check_selects_template(spec.selector, spec.template, "spec.selector", "a deployment", problems)
    check_template(spec.template, "spec.template", problems, on_reconnect=CHOOSES)
    check_strategy(spec.strategy, "spec.strategy", problems)
    if spec.progress_deadline_seconds <= spec.min_ready_seconds:
        problems.invalid(
            "spec.progressDeadlineSeconds", spec.progress_deadline_seconds, "must be greater than minReadySeconds"
        )


def check_update(old: Deployment, new: Deployment, problems: Problems) -> None:
    """The selector is for life: changing it would abandon the pods."""
    if old.spec.selector != new.spec.selector:
        problems.invalid("spec.selector", new.spec.selector, "field is immutable")


def check_strategy(strategy: DeploymentStrategy, path: str, problems: Problems) -> None:
    """How far a rolling update may go, which must be able to move at all; the steps of a canary."""
    _check_canary(strategy, path, problems)
    rolling = strategy.rolling_update
    if rolling is None:
        return
    if strategy.type == "Recreate":
        problems.forbidden(f"{path}.rollingUpdate", f"may not be specified when strategy `type` is '{strategy.type}'")
        return
    surge = check_share(rolling.max_surge, f"{path}.rollingUpdate.maxSurge", problems)
    unavailable = check_share(rolling.max_unavailable, f"{path}.rollingUpdate.maxUnavailable", problems)
    check_not_above_all(rolling.max_unavailable, f"{path}.rollingUpdate.maxUnavailable", problems)
    if surge == 0 and unavailable == 0:
        problems.invalid(
            f"{path}.rollingUpdate.maxUnavailable", rolling.max_unavailable, "may not be 0 when `maxSurge` is 0"
        )


def _check_canary(strategy: DeploymentStrategy, path: str, problems: Problems) -> None:
    canary = strategy.canary
    if strategy.type != "Canary":
        if canary is not None:
            problems.forbidden(f"{path}.canary", f"may not be specified when strategy `type` is '{strategy.type}'")
        return
    if canary is None or not canary.steps:
        problems.required(f"{path}.canary.steps", "a canary has at least one step")
        return
    largest: dict[str, int] = {}
    for index, step in enumerate(canary.steps):
        where = f"{path}.canary.steps[{index}]"
        _check_step(step, where, problems)
        for field, size in (("setWeight", step.set_weight), ("setReplicas", step.set_replicas)):
            if size is None:
                continue
            if size < largest.get(field, 0):
                problems.invalid(f"{where}.{field}", size, f"must not be less than an earlier step's {largest[field]}")
            largest[field] = max(size, largest.get(field, 0))


def _check_step(step: CanaryStep, path: str, problems: Problems) -> None:
    """One thing a step: a size or a pause."""
    chosen = [value for value in (step.set_weight, step.set_replicas, step.pause) if value is not None]
    if not chosen:
        problems.required(path, "must specify one of: `setWeight`, `setReplicas`, `pause`")
    if len(chosen) > 1:
        problems.forbidden(path, "may not specify more than one of: `setWeight`, `setReplicas`, `pause`")
    if step.set_weight is not None and step.set_weight > 100:
        problems.invalid(f"{path}.setWeight", step.set_weight, "must be between 0 and 100, inclusive")
    if step.pause is not None and step.pause.duration_seconds == 0:
        problems.invalid(f"{path}.pause.durationSeconds", 0, "must be greater than 0")
