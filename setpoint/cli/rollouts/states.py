"""How far a rollout is, in one line for each kind. Pure.

Source: kubectl `polymorphichelpers/rollout_status.go`.
"""

from __future__ import annotations

from typing import Any

from setpoint.cli.errors import CliError

Item = dict[str, Any]


def of_deployment(deployment: Item) -> tuple[bool, str]:
    """Whether the rollout is complete, and the line that tells how far it is.

    It is complete when the controller has seen the newest spec, all replicas are of the newest revision, none of an
    older one is left, and all are available.

    Raises:
        CliError: it passed its progress deadline, was aborted, or was rolled back.
    """
    name = deployment["metadata"]["name"]
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return False, "Waiting for deployment spec update to be observed..."
    conditions = {condition["type"]: condition for condition in status.get("conditions", ())}
    _check_failures(name, conditions)
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: {_canary_step(spec, status)}'
    if updated < wanted:
        return False, f"{waiting}{updated} out of {wanted} new replicas have been updated..."
    if total > updated:
        return False, f"{waiting}{total - updated} old replicas are pending termination..."
    if available < updated:
        return False, f"{waiting}{available} of {updated} updated replicas are available..."
    if _canary_step(spec, status):
        return False, f"{waiting}{available} of {updated} updated replicas are available..."
    if conditions.get("RolledBack", {}).get("status") == "True":
        raise CliError(f'deployment "{name}" was rolled back: {conditions["RolledBack"].get("message", "")}')
    return True, f'deployment "{name}" successfully rolled out'


def _check_failures(name: str, conditions: dict[str, Item]) -> None:
    """Refuse to wait for what will not come."""
    progressing, rolled_back = conditions.get("Progressing", {}), conditions.get("RolledBack", {})
    if rolled_back.get("status") == "False":
        raise CliError(f'deployment "{name}" failed: {rolled_back.get("message", "")}')
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise CliError(f'deployment "{name}" exceeded its progress deadline')
    if progressing.get("reason") == "CanaryAborted":
        raise CliError(f'deployment "{name}" was aborted: {progressing.get("message", "")}')


def _canary_step(spec: Item, status: Item) -> str:
    """The step of a canary that is under way; "" if there is none."""
    steps, canary = spec.get("strategy", {}).get("canary", {}).get("steps", ()), status.get("canary", {})
    index = canary.get("currentStepIndex", 0)
    if not canary or index >= len(steps):
        return ""
    step = steps[index]
    pause = step.get("pause")
    if pause is None:
        [(what, size)] = step.items()
        doing = f"{what} {size}"
    else:
        seconds = pause.get("durationSeconds")
        doing = "paused until it is promoted" if seconds is None else f"paused for {seconds} s"
    return f"canary step {index + 1} of {len(steps)} ({doing}), "
