"""The PodStatus to report: phase, conditions, container statuses, addresses.

The phase follows the kubelet's `getPhase`. Conditions are `Initialized`, `ContainersReady` and `Ready` (`PodScheduled`
belongs to the hub); their transition times change only when their status does. All running containers are ready: there
are no probes to say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from node_agent.plan.environment import Host
from node_agent.plan.launch import Hold
from node_agent.plan.lives import Life
from node_agent.plan.ports import ports_in_force
from proto.objects.meta import Condition, with_condition
from proto.objects.pod import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    HostAddress,
    Pod,
    PodPhase,
    PodStatus,
    RestartPolicy,
)

ENDED: tuple[PodPhase, ...] = ("Succeeded", "Failed")
"""A pod that once was in one of these phases never leaves it."""

NOT_STARTED = Hold("ContainerCreating")
NOTHING = ContainerState()
NOTHING_REPORTED = PodStatus()


def pod_status(
    pod: Pod,
    containers: tuple[ContainerStatus, ...],
    previous: PodStatus,
    host: Host,
    now: datetime,
) -> PodStatus:
    """The whole status; `previous` is the one reported before and gives the times that have not changed."""
    addresses = (HostAddress(ip=host.address),) if host.address else ()
    ended = previous.phase in ENDED
    phase = previous.phase if ended else pod_phase(containers, pod.spec.restart_policy)
    return PodStatus(
        phase=phase,
        reason=previous.reason if ended else "",
        message=previous.message if ended else "",
        conditions=_conditions(containers, phase, previous, now),
        host_ip=host.address,
        host_ips=addresses,
        pod_ip=host.address,
        pod_ips=addresses,
        start_time=previous.start_time or now,
        container_statuses=containers,
        qos_class=previous.qos_class,
        observed_generation=pod.metadata.generation,
    )


def container_status(
    container: Container, lives: tuple[Life, ...], hold: Hold | None, chosen_ports: Mapping[str, int]
) -> ContainerStatus:
    """One container's status. `hold` says why it is not being started (again) now, if that is so."""
    latest = lives[-1] if lives else None
    earlier = lives[-2] if len(lives) > 1 else None
    if latest is None:
        state, last = _waiting(hold or NOT_STARTED), NOTHING
    elif latest.running:
        state, last = _running(latest), _terminated(earlier)
    elif hold is not None:
        state, last = _waiting(hold), _terminated(latest)
    else:
        state, last = _terminated(latest), _terminated(earlier)
    running = latest is not None and latest.running
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        ready=running,
        started=running,
        restart_count=latest.attempt if latest else 0,
        image=container.image,
        container_id=latest.container_id if latest else "",
        ports=ports_in_force(container, chosen_ports),
    )


def pod_phase(containers: tuple[ContainerStatus, ...], policy: RestartPolicy) -> PodPhase:
    """The phase that the containers add up to (Kubernetes: kubelet `getPhase`)."""
    waiting = [c for c in containers if c.state.waiting and not c.last_state.terminated]
    if waiting or not containers:
        return "Pending"
    if any(c.state.running for c in containers) or policy == "Always":
        return "Running"
    endings = [c.state.terminated or c.last_state.terminated for c in containers]
    if all(ending is not None and ending.exit_code == 0 for ending in endings):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def _conditions(
    containers: tuple[ContainerStatus, ...], phase: PodPhase, previous: PodStatus, now: datetime
) -> tuple[Condition, ...]:
    unready = [container.name for container in containers if not container.ready]
    status: Literal["True", "False"] = "False" if unready or not containers else "True"
    reason, message = "", ""
    if phase == "Succeeded":
        reason = "PodCompleted"
    elif phase == "Failed":
        reason = "PodFailed"
    elif unready:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    conditions = tuple(c for c in previous.conditions if c.type != "PodScheduled")
    for new in (
        Condition(type="Initialized", status="True", last_transition_time=now),
        Condition(type="ContainersReady", status=status, reason=reason, message=message, last_transition_time=now),
        Condition(type="Ready", status=status, reason=reason, message=message, last_transition_time=now),
    ):
        conditions = with_condition(conditions, new)
    return conditions


def _waiting(hold: Hold) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=hold.reason, message=hold.message))


def _running(life: Life) -> ContainerState:
    return ContainerState(running=ContainerStateRunning(started_at=life.started_at))


def _terminated(life: Life | None) -> ContainerState:
    if life is None or life.ending is None:
        return NOTHING
    ending = life.ending
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=ending.exit_code,
            signal=ending.signal,
            reason=ending.reason,
            message=ending.message,
            started_at=life.started_at,
            finished_at=ending.at,
            container_id=life.container_id,
        )
    )
