"""The steps for one pod: what to start, stop and remove now, what to report, and when to look again.

A pass is level-based: it looks at everything known of the pod and never at what changed, so a lost event is made good
by the next pass, and a pass over a settled pod plans nothing.

Reads: a `PodView` and the time. Returns: a `PodPlan`. Never: performs a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from node_agent.plan import images
from node_agent.plan.config import Config
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.environment import Host
from node_agent.plan.launch import Hold, Launch, prepare
from node_agent.plan.lives import Life, by_container, history
from node_agent.plan.restarts import CRASH_LOOP, Restart, duration_text, next_restart
from node_agent.plan.status import ENDED, NOTHING_REPORTED, container_status, pod_status
from node_agent.runtime.port import ContainerState
from proto.objects.pod import Container, ContainerStatus, Pod, PodStatus

FENCED = "Fenced"
"""The waiting reason of a container whose pod must be one, while the node's lease has run out."""

FENCED_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class PodView:
    """All that is known of one pod on this machine.

    `assigned` is False once the hub has taken the pod away. `states` are the runtime's containers of this pod,
    `failed` the last start of each container that did not succeed, `reported` the status told last (it remembers what
    the runtime has forgotten). `busy` are the ids of containers that a step is at work on, `stopping` maps those that
    were told to stop to the grace they were given, in seconds. `fenced`: this pod may have been replaced elsewhere, so
    nothing of it may be started before the hub has said that it has not.
    """

    pod: Pod
    host: Host
    assigned: bool = True
    config: Config = field(default_factory=Config)
    ports: Mapping[str, int] = field(default_factory=dict)
    states: tuple[ContainerState, ...] = ()
    failed: Mapping[str, Life] = field(default_factory=dict)
    reported: PodStatus = NOTHING_REPORTED
    busy: frozenset[str] = frozenset()
    stopping: Mapping[str, float] = field(default_factory=dict)
    fenced: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container's next life. `reason`: `first_start` or `restart`."""

    id: ContainerId
    launch: Launch
    series: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a container to end, and kill it after `grace_s`. `reason`: `pod_deleted` or `pod_unassigned`."""

    id: ContainerId
    grace_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget an ended container and its output. `reason`: `superseded` or `pod_ended`."""

    id: ContainerId
    reason: str


Step = Start | Stop | Remove


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What follows from a view. `gone`: everything of the pod has ended and is removed."""

    status: PodStatus
    steps: tuple[Step, ...] = ()
    wake_at: datetime | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What follows for one container."""

    status: ContainerStatus
    steps: tuple[Step, ...] = ()
    wake_at: datetime | None = None


def plan_pod(view: PodView, now: datetime) -> PodPlan:
    """The steps, the status and the next time to look."""
    lives = _lives(view, now)
    if view.pod.deleting or not view.assigned:
        return _wind_down(view, lives, now)
    verdicts = [_keep_up(view, container, lives[container.name], now) for container in view.pod.spec.containers]
    wakes = [verdict.wake_at for verdict in verdicts if verdict.wake_at is not None]
    return PodPlan(
        status=_status(view, tuple(verdict.status for verdict in verdicts), now),
        steps=tuple(step for verdict in verdicts for step in verdict.steps),
        wake_at=min(wakes, default=None),
    )


def stop_grace_s(pod: Pod) -> float:
    """How long the pod's programs may take to end, in seconds; an update of the deletion may have shortened it."""
    if pod.deleting and pod.metadata.deletion_grace_period_seconds is not None:
        return float(pod.metadata.deletion_grace_period_seconds)
    return float(pod.spec.termination_grace_period_seconds)


def _lives(view: PodView, now: datetime) -> dict[str, tuple[Life, ...]]:
    """Every container's history."""
    states = by_container(view.states)
    reported = {status.name: status for status in view.reported.container_statuses}
    return {
        name: history(states.get(name, ()), view.failed.get(name), reported.get(name), now)
        for name in (container.name for container in view.pod.spec.containers)
    }


def _keep_up(view: PodView, container: Container, lives: tuple[Life, ...], now: datetime) -> _Verdict:
    """One container of a pod that should run."""
    latest = lives[-1] if lives else None
    restart = next_restart(view.pod.spec.restart_policy, latest) if latest else None
    tidying = _superseded(view, container, lives)
    attempt = latest.attempt + 1 if latest else 0
    next_id = ContainerId(view.pod.metadata.uid, container.name, attempt)
    if not _wants_start(view, latest, restart) or str(next_id) in view.busy:
        return _Verdict(_container(view, container, lives, None), tidying)
    if restart is not None and not restart.is_due(now):
        hold = _crash_loop(view.pod, container, restart)
        return _Verdict(_container(view, container, lives, hold), tidying, restart.due)
    launch = _launch(view, container)
    if isinstance(launch, Hold):
        wake_at = None if launch.retry_s is None else now + timedelta(seconds=launch.retry_s)
        return _Verdict(_container(view, container, lives, launch), tidying, wake_at)
    reason = "restart" if restart else "first_start"
    start = Start(next_id, launch, restart.series if restart else 0, reason)
    return _Verdict(_container(view, container, lives, None), (*tidying, start))


def _wants_start(view: PodView, latest: Life | None, restart: Restart | None) -> bool:
    """Whether a life is missing. A pod that once was Succeeded or Failed never runs again."""
    if view.reported.phase in ENDED:
        return False
    return latest is None or (not latest.running and restart is not None)


def _launch(view: PodView, container: Container) -> Launch | Hold:
    """The container's launch; every container of a pod waits for an image that one of them needs."""
    if view.fenced:
        return Hold(
            FENCED, "waiting for the hub to say that this pod was not replaced meanwhile", retry_s=FENCED_POLL_S
        )
    problem = images.image_problem(container.image)
    if problem:
        return Hold(images.REASON, problem)
    if not images.all_runnable(view.pod):
        return Hold(images.REASON, "another container of this pod needs an image, and images are not supported yet")
    return prepare(view.pod, container, view.config, view.ports, view.host)


def _crash_loop(pod: Pod, container: Container, restart: Restart) -> Hold:
    """The waiting state of a container in back-off, in the kubelet's words."""
    meta = pod.metadata
    return Hold(
        CRASH_LOOP,
        f"back-off {duration_text(restart.back_off_s)} restarting failed container={container.name} "
        f"pod={meta.name}_{meta.namespace}({meta.uid})",
    )


def _superseded(view: PodView, container: Container, lives: tuple[Life, ...]) -> tuple[Step, ...]:
    """Removal of lives that nobody asks for any more: all but the latest and the one before (`logs --previous`)."""
    old = [life for life in lives[:-2] if life.stored and not life.running and life.container_id not in view.busy]
    uid = view.pod.metadata.uid
    return tuple(Remove(ContainerId(uid, container.name, life.attempt), "superseded") for life in old)


def _wind_down(view: PodView, lives: Mapping[str, tuple[Life, ...]], now: datetime) -> PodPlan:
    """A pod that should end: stop everything, then remove everything, then it is gone."""
    status = _status(
        view,
        tuple(_container(view, container, lives[container.name], None) for container in view.pod.spec.containers),
        now,
    )
    stored = [
        (ContainerId(view.pod.metadata.uid, name, life.attempt), life)
        for name, known in lives.items()
        for life in known
        if life.stored
    ]
    running = [key for key, life in stored if life.running]
    if running:
        return PodPlan(status, _stops(view, running))
    if view.busy:
        return PodPlan(status)
    return PodPlan(status, tuple(Remove(key, "pod_ended") for key, _ in stored), gone=not stored)


def _stops(view: PodView, running: list[ContainerId]) -> tuple[Step, ...]:
    """A stop for each container that was not told yet, or was given more time than it has now."""
    grace_s = stop_grace_s(view.pod)
    reason = "pod_deleted" if view.pod.deleting else "pod_unassigned"
    return tuple(Stop(key, grace_s, reason) for key in running if grace_s < view.stopping.get(str(key), float("inf")))


def _container(view: PodView, container: Container, lives: tuple[Life, ...], hold: Hold | None) -> ContainerStatus:
    return container_status(container, lives, hold, view.ports)


def _status(view: PodView, containers: tuple[ContainerStatus, ...], now: datetime) -> PodStatus:
    return pod_status(view.pod, containers, view.reported, view.host, now)
