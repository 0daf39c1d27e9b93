"""What a workload tells when one of its pods could not be made or deleted: the `ReplicaFailure` condition.

Reads: a workload, its plan and the action in it that was refused. Writes: its status, through the plan it returns.

Source: Kubernetes `pkg/controller/replicaset` (calculateStatus); StatefulSets and DaemonSets tell it here, too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from control_plane.controllers.conditions import condition, settled
from control_plane.plan import Action, Delete, Plan, SetStatus
from proto.objects.apps import ReplicaSet
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import evolve
from proto.objects.stateful_set import StatefulSet

FAILURE = "ReplicaFailure"


def failure_told(
    owner: ReplicaSet | StatefulSet | DaemonSet, planned: Plan, action: Action, problem: str, now: datetime, **kept: Any
) -> Plan:
    """The status as the plan would have told it, but for what is `kept`, with the condition; nothing if that is told.

    The counts and the observed generation are told whatever became of the pods: a Deployment takes no step before it
    knows that its ReplicaSets have observed their size, not even a smaller one.
    """
    reason = "FailedDelete" if isinstance(action, Delete) else "FailedCreate"
    seen: Any = next((each.object for each in planned.actions if isinstance(each, SetStatus)), owner)
    conditions = settled(seen.status.conditions, condition(FAILURE, "True", reason, problem, now))
    status = evolve(seen.status, conditions=conditions, **kept)
    return Plan() if status == owner.status else Plan((SetStatus(evolve(owner, status=status), reason),))
