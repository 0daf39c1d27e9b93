"""The taints that controllers put on nodes, and the time that a pod's tolerations buy it.

Reads: nodes' verdicts and taints, pods' tolerations. Writes: nothing.

Source: Kubernetes "Taints and Tolerations"; `pkg/util/tolerations`, `component-helpers/scheduling/corev1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from proto.conditions import RUNTIME_UNHEALTHY, STATE_UNWRITABLE
from proto.disconnection import disconnection, is_fenced
from proto.objects.core import Node, Taint, TaintEffect
from proto.objects.meta import INT32_MAX, find_condition
from proto.objects.pod import Pod, Toleration
from proto.qos import MEMORY_PRESSURE_TAINT

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"

PROBLEMS = {
    RUNTIME_UNHEALTHY: "setpoint.dev/runtime-unhealthy",
    STATE_UNWRITABLE: "setpoint.dev/state-unwritable",
    "MemoryPressure": MEMORY_PRESSURE_TAINT,
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
"""The taint that keeps new pods away, by the condition in which a node tells of a problem or a shortage."""

NEVER_UPDATED = "NodeStatusNeverUpdated"
"""The reason of a node's `Ready` condition while no agent of its name was ever heard of."""


class Verdict(Enum):
    """What a node's `Ready` condition says: heard and well, heard and not well, not heard any more, never heard."""

    READY = "ready"
    NOT_READY = "not_ready"
    LOST = "lost"
    DECLARED = "declared"

    @property
    def down(self) -> bool:
        """Whether it was there and is not now."""
        return self in (Verdict.NOT_READY, Verdict.LOST)


def verdict(node: Node) -> Verdict:
    """The verdict in the node's `Ready` condition; a node without one was declared and never heard of."""
    ready = find_condition(node.status.conditions, "Ready")
    if ready is None or (ready.status != "True" and ready.reason == NEVER_UPDATED):
        return Verdict.DECLARED
    return {"True": Verdict.READY, "False": Verdict.NOT_READY, "Unknown": Verdict.LOST}[ready.status]


def down_key(node: Node) -> str | None:
    """The key of the taints for a node's verdict; None for a ready one."""
    judged = verdict(node)
    if judged is Verdict.READY:
        return None
    return UNREACHABLE if judged is Verdict.LOST else NOT_READY


def problem_keys(node: Node) -> tuple[str, ...]:
    """The keys of the taints for the problems that a node tells of."""
    told = {condition.type for condition in node.status.conditions if condition.status == "True"}
    return tuple(key for condition, key in PROBLEMS.items() if condition in told)


def find_taint(node: Node, key: str | None, effect: TaintEffect) -> Taint | None:
    """The node's taint of that key and effect."""
    return next((taint for taint in node.spec.taints if taint.key == key and taint.effect == effect), None)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration matches a taint; an empty key with `Exists`, and an empty effect, match all."""
    return (
        toleration.effect in ("", taint.effect)
        and (toleration.key == taint.key or (not toleration.key and toleration.operator == "Exists"))
        and (toleration.operator == "Exists" or toleration.value == taint.value)
    )


def evicted_at(tolerations: Iterable[Toleration], taints: Iterable[Taint], now: datetime) -> datetime | None:
    """When a pod must leave a node with these `NoExecute` taints; None: it may stay.

    A taint that nothing tolerates leaves no time. Otherwise the first toleration that matches a taint counts for it,
    and its seconds run from when the taint was added (Kubernetes: GetMatchingTolerations, getMinTolerationTime).
    """
    tolerations = tuple(tolerations)
    earliest: datetime | None = None
    for taint in taints:
        toleration = next((candidate for candidate in tolerations if tolerates(candidate, taint)), None)
        if toleration is None:
            return now
        if toleration.toleration_seconds is None:
            continue
        at = (taint.time_added or now) + timedelta(seconds=min(max(0, toleration.toleration_seconds), INT32_MAX))
        earliest = at if earliest is None else min(earliest, at)
    return earliest


def leaves_at(pod: Pod, node: Node, now: datetime) -> datetime | None:
    """When a pod must leave its node for its `NoExecute` taints; None: it may stay, for now at least.

    That a node is unreachable is the only reason for which its pods' `spec.disconnect` counts: tolerated for
    `tolerationSeconds` or for `replaceAfterSeconds`, whichever is longer; and a pod that its node stops by itself
    leaves only when it is certain to have stopped. Any other taint is a person's, or of a node that is heard.
    """
    taints = [taint for taint in node.spec.taints if taint.effect == "NoExecute"]
    cut_off = [taint for taint in taints if taint.key == UNREACHABLE]
    times = [evicted_at(pod.spec.tolerations, [taint for taint in taints if taint.key != UNREACHABLE], now)]
    if cut_off:
        times.append(_given_up_at(pod, node, cut_off[0], now))
    return min((at for at in times if at is not None), default=None)


def _given_up_at(pod: Pod, node: Node, taint: Taint, now: datetime) -> datetime | None:
    """When a pod on an unreachable node is given up."""
    policy, at = disconnection(pod), evicted_at(pod.spec.tolerations, (taint,), now)
    if at is None or (policy.stops and not is_fenced(pod, node)):
        return None
    return max(at, (taint.time_added or now) + timedelta(seconds=policy.replace_after_s))
