"""The rules of each kind, in a file each: what a new object must be, and what an update may not change.

Pure: objects in, causes out. A cause's field is the path as a user writes it, its message is Kubernetes' own wherever
Kubernetes has one. The schema (types, unknown fields, simple limits) was checked before, by `proto.schema`.

Never here: anything that needs more than the object itself, and its former state.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from control_plane.api.validation import (
    config_map,
    controller_revision,
    cron_job,
    daemon_set,
    deployment,
    event,
    job,
    lease,
    limit_range,
    metadata,
    node,
    pod,
    pod_disruption_budget,
    priority_class,
    replica_set,
    resource_quota,
    secret,
    stateful_set,
)
from control_plane.api.validation.problems import EnoughProblems, Problems
from proto.errors import Cause
from proto.objects.meta import Object

_NEW: dict[str, Callable[[Any, Problems], None]] = {
    "ConfigMap": config_map.check,
    "ControllerRevision": controller_revision.check,
    "DaemonSet": daemon_set.check,
    "CronJob": cron_job.check,
    "Deployment": deployment.check,
    "Event": event.check,
    "Job": job.check,
    "Lease": lease.check,
    "LimitRange": limit_range.check,
    "Node": node.check,
    "Pod": pod.check,
    "PodDisruptionBudget": pod_disruption_budget.check,
    "PriorityClass": priority_class.check,
    "ReplicaSet": replica_set.check,
    "ResourceQuota": resource_quota.check,
    "Secret": secret.check,
    "StatefulSet": stateful_set.check,
}
_UPDATE: dict[str, Callable[[Any, Any, Problems], None]] = {
    "ConfigMap": config_map.check_update,
    "ControllerRevision": controller_revision.check_update,
    "DaemonSet": daemon_set.check_update,
    "Deployment": deployment.check_update,
    "Job": job.check_update,
    "Pod": pod.check_update,
    "PriorityClass": priority_class.check_update,
    "ReplicaSet": replica_set.check_update,
    "ResourceQuota": resource_quota.check_update,
    "Secret": secret.check_update,
    "StatefulSet": stateful_set.check_update,
}


def check_new(obj: Object) -> tuple[Cause, ...]:
    """All that is wrong with a new object."""
    problems = Problems()
    with suppress(EnoughProblems):
        _check_state(obj, problems)
    return problems.causes


def check_update(old: Object, new: Object) -> tuple[Cause, ...]:
    """All that is wrong with a new state of an object."""
    problems = Problems()
    with suppress(EnoughProblems):
        _check_state(new, problems)
        if check_changes := _UPDATE.get(new.KIND):
            check_changes(old, new, problems)
    return problems.causes


def _check_state(obj: Object, problems: Problems) -> None:
    metadata.check(obj, problems)
    if check := _NEW.get(obj.KIND):
        check(obj, problems)
