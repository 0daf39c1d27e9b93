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
        CliError: it passed its progress deadline.
    """
    name = deployment["metadata"]["name"]
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return False, "Waiting for deployment spec update to be observed..."
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise CliError(f'deployment "{name}" exceeded its progress deadline')
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return False, f"{waiting}{updated} out of {wanted} new replicas have been updated..."
    if total > updated:
        return False, f"{waiting}{total - updated} old replicas are pending termination..."
    if available < updated:
        return False, f"{waiting}{available} of {updated} updated replicas are available..."
    return True, f'deployment "{name}" successfully rolled out'
