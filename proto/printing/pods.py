"""How pods are printed. Source: Kubernetes `pkg/printers/internalversion/printers.go` (printPod)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proto.durations import age
from proto.objects.meta import find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from proto.phases import ENDED
from proto.printing.form import AGE, NAME, NONE, Cell, Column, Printer, age_of, wide


def pod_cells(pod: Pod, now: datetime) -> Sequence[Cell]:
    """NAME READY STATUS RESTARTS AGE, IP NODE."""
    sidecars = _sidecars(pod)
    statuses = [*sidecars, *pod.status.container_statuses]
    ready = sum(status.ready and status.state.running is not None for status in statuses)
    return (
        pod.metadata.name,
        f"{ready}/{len(_beside(pod)) + len(pod.spec.containers)}",
        pod_status(pod),
        _restarts(_shown_restarts(pod, statuses), now),
        age_of(pod, now),
        pod.status.pod_ip or NONE,
        pod.spec.node_name or NONE,
    )


def pod_status(pod: Pod) -> str:
    """The one word that tells how a pod is: its phase, unless a container or a deletion has more to say."""
    if pod.deleting and pod.status.reason == "NodeLost":
        return "Unknown"
    if pod.deleting and pod.status.phase not in ENDED:
        return "Terminating"
    aside = find_condition(pod.status.conditions, "Disconnected")
    if aside is not None and aside.status == "True":
        return "Disconnected"
    reason = pod.status.reason or pod.status.phase
    if pod.status.phase in ENDED and pod.status.reason:
        return reason  # The pod was ended: that says more than how its containers took it, or what they waited for.
    scheduled = find_condition(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.reason == "SchedulingGated":
        reason = scheduled.reason
    if initializing := _initializing(pod):
        return initializing
    reason = next((s.state.waiting.reason for s in _sidecars(pod) if s.state.waiting is not None), reason)
    running = False
    for status in reversed(pod.status.container_statuses):
        reason = _container_reason(status) or reason
        running = running or (status.ready and status.state.running is not None)
    if reason == "Completed" and running:
        condition = find_condition(pod.status.conditions, "Ready")
        return "Running" if condition is not None and condition.status == "True" else "NotReady"
    return reason


def _beside(pod: Pod) -> frozenset[str]:
    """The names of its sidecars."""
    return frozenset(container.name for container in pod.spec.init_containers if container.restart_policy == "Always")


def _sidecars(pod: Pod) -> list[ContainerStatus]:
    beside = _beside(pod)
    return [status for status in pod.status.init_container_statuses if status.name in beside]


def _initializing(pod: Pod) -> str:
    """`Init:1/2`, or why the init container whose turn it is does not run; "" for a pod that is initialized."""
    condition = find_condition(pod.status.conditions, "Initialized")
    if not pod.status.init_container_statuses or condition is None or condition.status == "True":
        return ""
    beside = _beside(pod)
    for index, status in enumerate(pod.status.init_container_statuses):
        ended = status.state.terminated
        if (ended is not None and ended.exit_code == 0) or (status.name in beside and status.started):
            continue
        reason = _container_reason(status)
        if reason and reason != "PodInitializing":
            return f"Init:{reason}"
        return f"Init:{index}/{len(pod.spec.init_containers)}"
    return ""


def _shown_restarts(pod: Pod, statuses: Sequence[ContainerStatus]) -> Sequence[ContainerStatus]:
    """The containers whose restarts count: those of init containers until the pod is initialized."""
    return pod.status.init_container_statuses if _initializing(pod) else statuses


def _container_reason(status: ContainerStatus) -> str:
    """Why a container does not run, or ""."""
    waiting, terminated = status.state.waiting, status.state.terminated
    if waiting is not None:
        return waiting.reason
    if terminated is None:
        return ""
    if terminated.reason:
        return terminated.reason
    return f"Signal:{terminated.signal}" if terminated.signal else f"ExitCode:{terminated.exit_code}"


def _restarts(statuses: Sequence[ContainerStatus], now: datetime) -> str:
    """`3 (5m ago)`: how often, and when the last time was."""
    count = sum(status.restart_count for status in statuses)
    ends = [
        status.last_state.terminated.finished_at
        for status in statuses
        if status.last_state.terminated is not None and status.last_state.terminated.finished_at is not None
    ]
    return f"{count} ({age(max(ends), now)} ago)" if count and ends else str(count)


PRINTERS = {
    "Pod": Printer((NAME, Column("Ready"), Column("Status"), Column("Restarts"), AGE, *wide("IP", "Node")), pod_cells),
}
