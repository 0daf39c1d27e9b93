"""What a workload tells when one of its pods could not be made or deleted: the `ReplicaFailure` condition.

Reads: a workload, the action that was refused. Writes: its status, through the plan it returns.

Source: Kubernetes `pkg/controller/replicaset` (calculateStatus); StatefulSets and DaemonSets tell it here, too.
"""

from __future__ import annotations

from datetime import datetime

from control_plane.controllers.conditions import condition, settled
from control_plane.plan import Action, Delete, Plan, SetStatus
from proto.objects.apps import ReplicaSet
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import evolve
from proto.objects.stateful_set import StatefulSet

FAILURE = "ReplicaFailure"


def failure_told(owner: ReplicaSet | StatefulSet | DaemonSet, action: Action, problem: str, now: datetime) -> Plan:
    """The status with the condition; nothing if it says so already."""
    reason = "FailedDelete" if isinstance(action, Delete) else "FailedCreate"
    conditions = settled(owner.status.conditions, condition(FAILURE, "True", reason, problem, now))
    if conditions == owner.status.conditions:
        return Plan()
    return Plan((SetStatus(evolve(owner, **{"status.conditions": conditions}), reason),))
