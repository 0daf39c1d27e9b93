"""The PodStatus to report: phase, conditions, container statuses, addresses.

The phase follows the kubelet's `getPhase`. Conditions are `PodReadyToStartContainers`, `Initialized`, `ContainersReady`
and `Ready` (`PodScheduled` belongs to the hub, those of readiness gates to whoever sets them).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from node_agent.plan.conditions import pod_conditions
from node_agent.plan.environment import Host
from node_agent.plan.init_containers import Progress
from node_agent.plan.launch import CREATING, Hold
from node_agent.plan.lives import Life
from node_agent.plan.ports import ports_in_force
from node_agent.plan.probes import Health
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.objects.pod_status import (
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    HostAddress,
    PodPhase,
    PodStatus,
)
from proto.phases import ENDED
from proto.qos import told_class

NOT_STARTED = Hold(CREATING)
NOT_ITS_TURN = Hold("PodInitializing")
"""Kubernetes: the waiting reason of a container that others must come before."""

DEADLINE_EXCEEDED = "DeadlineExceeded"
DEADLINE_MESSAGE = "Pod was active on the node longer than the specified deadline"

EVICTED = "Evicted"
OUT_OF = "OutOf"
"""The reason of a pod for which the node had no room begins so: `OutOfcpu`, `OutOfmemory`, …"""


class CutShort(NamedTuple):
    """The pod was ended before its programs did: the reason and message of its status."""

    reason: str
    message: str


NOTHING = ContainerState()
NOTHING_REPORTED = PodStatus()


def pod_status(
    pod: Pod,
    statuses: Mapping[str, ContainerStatus],
    progress: Progress,
    previous: PodStatus,
    host: Host,
    now: datetime,
    cut_short: CutShort | None = None,
    *,
    done: bool = False,
) -> PodStatus:
    """The whole status, from those of all containers by name; `done`: every main one has ended and stays so.

    `previous` is the one reported before and gives the times that have not changed.
    """
    addresses = _addresses(host.address)
    init = tuple(statuses[container.name] for container in pod.spec.init_containers)
    main = tuple(statuses[container.name] for container in pod.spec.containers)
    ended = previous.phase in ENDED
    phase = previous.phase if ended else pod_phase(init, main, progress, done=done, overdue=cut_short is not None)
    reason = previous.reason if ended else cut_short.reason if cut_short else ""
    if phase == "Failed" and reason not in ("", DEADLINE_EXCEEDED) and not any(map(_has_lived, (*init, *main))):
        init = main = ()  # It was not taken in the first place (kubelet: rejectPod).
    return PodStatus(
        phase=phase,
        reason=reason,
        message=previous.message if ended else cut_short.message if cut_short else "",
        conditions=pod_conditions(
            pod,
            statuses,
            progress,
            phase,
            previous,
            now,
            evicted=cut_short.message if cut_short is not None and cut_short.reason == EVICTED else "",
        ),
        host_ip=host.address,
        host_ips=addresses,
        pod_ip=host.address,
        pod_ips=addresses,
        start_time=previous.start_time or now,
        init_container_statuses=init,
        container_statuses=main,
        qos_class=told_class(pod.spec, previous),
        observed_generation=pod.metadata.generation,
    )


@lru_cache(maxsize=1)
def _addresses(address: str) -> tuple[HostAddress, ...]:
    return (HostAddress(ip=address),) if address else ()


def container_status(
    container: Container,
    lives: tuple[Life, ...],
    hold: Hold | None,
    chosen_ports: Mapping[str, int],
    health: Health | None,
) -> ContainerStatus:
    """One container's status.

    `hold` says why it is not being started (again) now, if that is so. `health` is that of a container that runs; None
    while its postStart hook is not done, until when it does not count as running.
    """
    latest = lives[-1] if lives else None
    earlier = lives[-2] if len(lives) > 1 else None
    if latest is None:
        state, last = _waiting(hold or NOT_STARTED), NOTHING
    elif latest.running:
        state, last = _running(latest) if health else _waiting(NOT_STARTED), _terminated(earlier)
    elif hold is not None:
        state, last = _waiting(hold), _terminated(latest)
    else:
        state, last = _terminated(latest), _terminated(earlier)
    return ContainerStatus(
        name=container.name,
        state=state,
        last_state=last,
        ready=health is not None and health.ready,
        started=health is not None and health.started,
        restart_count=latest.attempt if latest else 0,
        image=container.image,
        container_id=latest.container_id if latest else "",
        ports=ports_in_force(container, chosen_ports),
        stop_signal=container.lifecycle.stop_signal if container.lifecycle is not None else "",
    )


def pod_phase(
    init: Iterable[ContainerStatus],
    main: tuple[ContainerStatus, ...],
    progress: Progress,
    *,
    done: bool,
    overdue: bool = False,
) -> PodPhase:
    """The phase that the containers add up to (Kubernetes: kubelet `getPhase`); `done`: no main one runs again.

    A pod has ended only when nothing of it runs any more, its sidecars included.
    """
    alive = any(status.state.running for status in (*init, *main))
    if (overdue or progress.failed) and not alive:
        return "Failed"
    waiting = [c for c in main if c.state.waiting and not c.last_state.terminated]
    if waiting or progress.incomplete or not main:
        return "Pending"
    if alive or not done:
        return "Running"
    endings = [c.state.terminated or c.last_state.terminated for c in main]
    if all(ending is not None and ending.exit_code == 0 for ending in endings):
        return "Succeeded"
    return "Failed"


def _has_lived(status: ContainerStatus) -> bool:
    return bool(status.container_id or status.state.terminated)


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
