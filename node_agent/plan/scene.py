"""A pod as it stands: its containers' histories, whose turn it is, and how healthy those are that run.

Everything that keeping up and winding down both look at is worked out here, once a pass.

Reads: a `PodView` and the time. Returns: a `Scene`. Never: plans a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from node_agent.plan.container_ids import ContainerId, parse_container_id
from node_agent.plan.init_containers import Lives, Progress, all_containers, is_sidecar, policies, progress
from node_agent.plan.launch import Hold
from node_agent.plan.lives import Life, Said, by_container, history
from node_agent.plan.messages import share_bytes
from node_agent.plan.ports import ports_in_force
from node_agent.plan.probes import Health, first_health
from node_agent.plan.resizing import Resizing, resizing, resources_in_force, with_resize
from node_agent.plan.restarts import Restart, next_restart
from node_agent.plan.status import (
    DEADLINE_EXCEEDED,
    DEADLINE_MESSAGE,
    NOT_ITS_TURN,
    CutShort,
    container_status,
    pod_status,
)
from node_agent.plan.surroundings import Surroundings, surroundings_of
from node_agent.plan.view import PodView, Remove, Step, Target
from node_agent.runtime.port import ContainerState
from proto.objects.container import Container, RestartPolicy
from proto.objects.health import LifecycleHandler, Probe
from proto.objects.pod_status import ContainerStatus, PodStatus
from proto.phases import ENDED


@dataclass(frozen=True, slots=True)
class Scene:
    """What a pass goes by. `health` is that of each container that runs and whose postStart hook is done, by name;
    `running` is what the runtime says of each that runs, and `resize` what follows from it."""

    view: PodView
    now: datetime
    lives: Lives
    policies: Mapping[str, RestartPolicy]
    health: Mapping[str, Health]
    progress: Progress
    running: Mapping[str, ContainerState]
    resize: Resizing

    def latest(self, name: str) -> Life | None:
        """The container's latest life."""
        known = self.lives[name]
        return known[-1] if known else None

    def runs(self, name: str) -> bool:
        """Whether the container runs."""
        latest = self.latest(name)
        return latest is not None and latest.running

    def id_of(self, name: str, attempt: int) -> ContainerId:
        """The id of one life of a container."""
        return ContainerId(self.view.pod.metadata.uid, name, attempt)


def scene_of(view: PodView, now: datetime) -> Scene:
    """The pod as it stands."""
    states = by_container(view.states)
    reported = {status.name: status for status in _reported(view)}
    lives = _lives(view, states, reported, now)
    running = {name: known[-1] for name, known in states.items() if known[-1].running}
    health = {}
    for container in all_containers(view.pod):
        known = lives[container.name]
        if known and known[-1].running and is_greeted(view, container, known[-1], reported.get(container.name)):
            container_id = known[-1].container_id
            first = first_health(container, container_id, reported.get(container.name))
            health[container.name] = view.health.get(container_id, first)
    up = frozenset(name for name, found in health.items() if found.started)
    resize = resizing(view, running, now)
    return Scene(view, now, lives, policies(view.pod), health, progress(view.pod, lives, up), running, resize)


def why_ends(scene: Scene) -> str | None:
    """Why everything of the pod is to be stopped now; None while it should run. The reasons are those of `Stop`."""
    view = scene.view
    if view.pod.deleting:
        return "pod_deleted"
    if not view.assigned:
        return "pod_unassigned"
    if view.eviction is not None:
        return "evicted"
    if view.reported.phase in ENDED or scene.progress.failed or _all_done(scene):
        return "pod_completed"
    return "deadline_exceeded" if is_overdue(scene) else None


def deadline(view: PodView, now: datetime) -> datetime | None:
    """When the pod has been active for as long as it may."""
    seconds = view.pod.spec.active_deadline_seconds
    return None if seconds is None else (view.reported.start_time or now) + timedelta(seconds=seconds)


def is_overdue(scene: Scene) -> bool:
    """Whether the pod has been active for longer than it may; once so it stays so."""
    if scene.view.reported.reason == DEADLINE_EXCEEDED:
        return True
    due = deadline(scene.view, scene.now)
    return due is not None and due <= scene.now and not _all_done(scene)


def _cut_short(scene: Scene) -> CutShort | None:
    """Why the pod was ended before its programs did, if so."""
    if scene.view.eviction is not None:
        return CutShort(scene.view.eviction.reason, scene.view.eviction.message)
    return CutShort(DEADLINE_EXCEEDED, DEADLINE_MESSAGE) if is_overdue(scene) else None


def _all_done(scene: Scene) -> bool:
    """Whether every main container has ended and stays so."""
    for container in scene.view.pod.spec.containers:
        latest = scene.latest(container.name)
        if latest is None or latest.running or again_after(scene, container, latest) is not None:
            return False
    return True


def again_after(scene: Scene, container: Container, life: Life) -> Restart | None:
    """The restart that follows a life of a container; None if it has not ended, or stays so."""
    policy, max_s = scene.policies[container.name], scene.view.host.crash_loop_max_s
    return next_restart(policy, life, max_s, container.restart_policy_rules)


def target_of(scene: Scene, container: Container, life: Life) -> Target:
    """A running container, for probes and hooks."""
    key = parse_container_id(life.container_id)
    assert key is not None
    view = scene.view
    return Target(
        id=key,
        pod=view.pod,
        container=container,
        ports=ports_in_force(container, view.ports),
        surroundings=_surroundings(view, container) if _has_commands(container) else None,
        started_at=life.started_at,
        health=scene.health.get(container.name, Health()),
    )


def _surroundings(view: PodView, container: Container) -> Surroundings:
    return surroundings_of(view.pod, container, view.config, view.ports, view.host)


def _has_commands(container: Container) -> bool:
    """Whether one of its probes or hooks is a command that runs beside its program."""
    hooks = container.lifecycle
    handlers: tuple[Probe | LifecycleHandler | None, ...] = (
        container.startup_probe,
        container.liveness_probe,
        container.readiness_probe,
        hooks.post_start if hooks is not None else None,
        hooks.pre_stop if hooks is not None else None,
    )
    return any(handler is not None and handler.exec_ is not None for handler in handlers)


def status_of(scene: Scene, holds: Mapping[str, Hold], *, ending: bool = False) -> PodStatus:
    """The status to report; `holds` says why containers wait, `ending` that the pod does no work any more."""
    statuses = {}
    for container in all_containers(scene.view.pod):
        health = scene.health.get(container.name)
        if ending and health is not None:
            health = replace(health, ready=False)
        hold = holds.get(container.name)
        if hold is None and not scene.lives[container.name] and container.name not in scene.progress.turn:
            hold = NOT_ITS_TURN
        statuses[container.name] = _status(scene, container, hold, health)
    view = scene.view
    told = pod_status(
        view.pod, statuses, scene.progress, view.reported, view.host, scene.now, _cut_short(scene),
        done=_all_done(scene),
    )  # fmt: skip
    return told if ending else with_resize(told, view.reported, scene.resize)


def superseded(scene: Scene, container: Container) -> tuple[Step, ...]:
    """Removal of lives that nobody asks for any more: all but the latest and the one before (`logs --previous`).

    While the disk is full, the one before goes as well.
    """
    lives, busy = scene.lives[container.name], scene.view.busy
    kept = 1 if scene.view.tidy else 2
    old = [life for life in lives[:-kept] if life.stored and not life.running and life.container_id not in busy]
    return tuple(Remove(scene.id_of(container.name, life.attempt), "superseded") for life in old)


def is_greeted(view: PodView, container: Container, life: Life, reported: ContainerStatus | None) -> bool:
    """Whether the container's postStart hook is done, as far as it has one.

    What was reported as running had it done; after a restart of the agent one that was under way is done again
    (Kubernetes: hooks are delivered at least once).
    """
    if container.lifecycle is None or container.lifecycle.post_start is None or life.container_id in view.greeted:
        return True
    return reported is not None and reported.container_id == life.container_id and reported.state.running is not None


def _status(scene: Scene, container: Container, hold: Hold | None, health: Health | None) -> ContainerStatus:
    """A container's status; an init container that has done its work counts as ready (Kubernetes)."""
    status = container_status(container, scene.lives[container.name], hold, scene.view.ports, health)
    state = scene.running.get(container.name)
    resources = resources_in_force(container, state, scene.view.host) if state is not None else None
    if resources is not None:
        status = status.model_copy(update={"resources": resources, "allocated_resources": resources.requests})
    ended = status.state.terminated
    if container in scene.view.pod.spec.init_containers and ended is not None and ended.exit_code == 0:
        return status.model_copy(update={"ready": not is_sidecar(container)})
    return status


def _reported(view: PodView) -> tuple[ContainerStatus, ...]:
    return (*view.reported.init_container_statuses, *view.reported.container_statuses)


def _lives(
    view: PodView,
    states: Mapping[str, tuple[ContainerState, ...]],
    reported: Mapping[str, ContainerStatus],
    now: datetime,
) -> Lives:
    """Every container's history."""
    said = Said(view.messages, share_bytes(view.pod))
    return {
        name: history(states.get(name, ()), view.failed.get(name), reported.get(name), now, said)
        for name in (container.name for container in all_containers(view.pod))
    }
