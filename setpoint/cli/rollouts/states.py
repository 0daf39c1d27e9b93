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
    if _unobserved(deployment):
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
        raise CliError(f'the rollout of deployment "{name}" failed: {conditions["RolledBack"].get("message", "")}')
    return True, f'deployment "{name}" successfully rolled out'


def of_stateful_set(stateful_set: Item) -> tuple[bool, str]:
    """The same for a StatefulSet; with a partition, whether the pods above it are updated.

    Raises:
        CliError: its pods are replaced by whoever deletes them, so there is no rollout.
    """
    _, spec, status = _parts(stateful_set, "StatefulSet")
    if _unobserved(stateful_set):
        return False, "Waiting for statefulset spec update to be observed..."
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        return False, f"Waiting for {wanted - ready} pods to be ready..."
    partition = spec.get("updateStrategy", {}).get("rollingUpdate", {}).get("partition", 0)
    if partition:
        above = max(0, wanted - partition)
        if updated < above:
            return False, (
                f"Waiting for partitioned roll out to finish: {updated} out of {above} new pods have been updated..."
            )
        return True, f"partitioned roll out complete: {updated} new pods have been updated..."
    if status.get("updateRevision") != status.get("currentRevision"):
        return False, (
            f"waiting for statefulset rolling update to complete {updated} pods at revision "
            f"{status.get('updateRevision', '')}..."
        )
    return True, (
        f"statefulset rolling update complete {status.get('currentReplicas', 0)} pods at revision "
        f"{status.get('currentRevision', '')}..."
    )


def of_daemon_set(daemon_set: Item) -> tuple[bool, str]:
    """The same for a DaemonSet.

    Raises:
        CliError: its pods are replaced by whoever deletes them, so there is no rollout.
    """
    name, _, status = _parts(daemon_set, "DaemonSet")
    if _unobserved(daemon_set):
        return False, "Waiting for daemon set spec update to be observed..."
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return False, f"{waiting}{updated} out of {wanted} new pods have been updated..."
    if available < wanted:
        return False, f"{waiting}{available} of {wanted} updated pods are available..."
    return True, f'daemon set "{name}" successfully rolled out'


def _parts(item: Item, kind: str) -> tuple[str, Item, Item]:
    """Name, spec and status of what updates itself."""
    spec = item.get("spec", {})
    if spec.get("updateStrategy", {}).get("type", "RollingUpdate") != "RollingUpdate":
        raise CliError(f"rollout status is only available for RollingUpdate strategy type, not for this {kind}'s")
    return item["metadata"]["name"], spec, item.get("status", {})


def _unobserved(item: Item) -> bool:
    observed = int(item.get("status", {}).get("observedGeneration", 0))
    return int(item["metadata"].get("generation", 0)) > observed


def _check_failures(name: str, conditions: dict[str, Item]) -> None:
    """Refuse to wait for what will not come."""
    progressing, rolled_back = conditions.get("Progressing", {}), conditions.get("RolledBack", {})
    if rolled_back.get("status") == "False":
        raise CliError(f'the rollout of deployment "{name}" failed: {rolled_back.get("message", "")}')
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise CliError(f'deployment "{name}" exceeded its progress deadline')
    if progressing.get("reason") == "CanaryAborted":
        raise CliError(f'the rollout of deployment "{name}" failed: {progressing.get("message", "")}')


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
