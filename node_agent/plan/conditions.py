"""The conditions that a node sets on its pods: whether they could begin, are initialized, and are ready.

`Ready` is `ContainersReady` and every readiness gate; the gates' own conditions are set by others and only read here.
Transition times change only when a status does.

Source: Kubernetes, pod-lifecycle "Pod conditions"; the kubelet's `status/generate.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from node_agent.plan.init_containers import Progress, is_sidecar
from proto.conditions import DISRUPTION_TARGET
from proto.objects.meta import Condition, find_condition, with_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus, PodPhase, PodStatus
from proto.phases import ENDED

Truth = Literal["True", "False"]
Finding = tuple[Truth, str, str]
"""Status, reason, message."""

OWN = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
"""The types that the node writes; all others are somebody else's, and reporting them would undo their changes."""

BY_NODE = "TerminationByKubelet"
"""Kubernetes: the reason of the condition `DisruptionTarget` of a pod that its node evicts."""

_TRUE: Finding = ("True", "", "")


def pod_conditions(
    pod: Pod,
    statuses: Mapping[str, ContainerStatus],
    progress: Progress,
    phase: PodPhase,
    previous: PodStatus,
    now: datetime,
    *,
    evicted: str = "",
) -> tuple[Condition, ...]:
    """The node's conditions of a pod; `previous` gives the times of those that have not changed.

    `evicted` says why the node ends the pod, if it does.
    """
    containers_ready = _containers_ready(pod, statuses, phase)
    ended: Finding = ("False", "", "") if phase in ENDED else _TRUE
    findings = (
        ended,
        _initialized(progress, phase),
        containers_ready,
        containers_ready if containers_ready != _TRUE else _gates_open(pod),
    )
    conditions = tuple(c for c in previous.conditions if c.type in OWN or c.reason == BY_NODE)
    for kind, (status, reason, message) in zip(OWN, findings, strict=True):
        old = find_condition(conditions, kind)
        if old is not None and (old.status, old.reason, old.message) == (status, reason, message):
            continue
        new = Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=now)
        conditions = with_condition(conditions, new)
    if evicted:
        target = Condition(type=DISRUPTION_TARGET, status="True", reason=BY_NODE, message=evicted,
                           last_transition_time=now)  # fmt: skip
        conditions = with_condition(conditions, target)
    return conditions


def _initialized(progress: Progress, phase: PodPhase) -> Finding:
    if phase == "Succeeded":
        return "True", "PodCompleted", ""
    if not progress.incomplete:
        return _TRUE
    names = " ".join(progress.incomplete)
    return "False", "ContainersNotInitialized", f"containers with incomplete status: [{names}]"


def _containers_ready(pod: Pod, statuses: Mapping[str, ContainerStatus], phase: PodPhase) -> Finding:
    """Whether the main containers and the sidecars are ready."""
    if phase == "Succeeded":
        return "False", "PodCompleted", ""
    if phase == "Failed":
        return "False", "PodFailed", ""
    beside = tuple(container for container in pod.spec.init_containers if is_sidecar(container))
    names = [container.name for container in (*beside, *pod.spec.containers)]
    unready = [name for name in names if not statuses[name].ready]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return _TRUE if names else ("False", "", "")


def _gates_open(pod: Pod) -> Finding:
    """Whether others say that the pod is ready, too."""
    closed = []
    for gate in pod.spec.readiness_gates:
        told = find_condition(pod.status.conditions, gate.condition_type)
        if told is None:
            closed.append(f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.')
        elif told.status != "True":
            words = f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {told.status}'
            closed.append(words)
    return ("False", "ReadinessGatesNotReady", ", ".join(closed)) if closed else _TRUE
