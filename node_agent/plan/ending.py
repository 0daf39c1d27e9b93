"""A pod that should end: what is stopped when, and what is removed then.

The main containers (and an init container that still runs) are stopped at once; the sidecars after them, the last one
first, each in what is left of the pod's grace. When the grace is over, all that still runs is killed.

Reads: a `Scene`. Returns: a `PodPlan`. Never: decides whether the pod should end.
Source: Kubernetes, pod-lifecycle "Pod termination", "Sidecar containers: termination".
"""

from __future__ import annotations

from datetime import datetime, timedelta

from node_agent.plan.init_containers import all_containers, sidecars
from node_agent.plan.scene import Scene, status_of, superseded, target_of
from node_agent.plan.view import Ends, PodPlan, PodView, Remove, Stop
from proto.objects.container import Container
from proto.objects.health import LifecycleHandler, Probe
from proto.objects.pod import Pod

_GRACE_S_MAX = 10 * 365 * 86400.0
"""A grace that the calendar can hold; ten years are for ever."""

REMOVES = ("pod_deleted", "pod_unassigned")
"""Reasons after which nothing of the pod stays."""


def stop_grace_s(pod: Pod) -> float:
    """How long the pod's programs may take to end, in seconds; an update of the deletion may have shortened it."""
    if pod.deleting and pod.metadata.deletion_grace_period_seconds is not None:
        return min(float(pod.metadata.deletion_grace_period_seconds), _GRACE_S_MAX)
    return min(float(pod.spec.termination_grace_period_seconds), _GRACE_S_MAX)


def probe_grace_s(pod: Pod, probe: Probe | None) -> float:
    """The same for a container that a probe ends; it may say so itself."""
    own_s = probe.termination_grace_period_seconds if probe is not None else None
    return stop_grace_s(pod) if own_s is None else min(float(own_s), _GRACE_S_MAX)


def _grace_s(view: PodView) -> float:
    """An eviction leaves no more than its own grace."""
    own_s = stop_grace_s(view.pod)
    return own_s if view.eviction is None else min(own_s, view.eviction.grace_s)


def wind_down(scene: Scene, reason: str) -> PodPlan:
    """Stop everything, then (if the pod is to go) remove everything, then it is gone."""
    view, now = scene.view, scene.now
    status = status_of(scene, {}, ending=True)
    ends = _ends(view, now)
    running = [container for container in all_containers(view.pod) if scene.runs(container.name)]
    if running:
        kill_at = ends.kill_at
        due = running if kill_at <= now else _first_to_stop(view.pod, running)
        stops = (stop(scene, container, kill_at, reason) for container in due)
        steps = tuple(step for step in stops if step is not None)
        return PodPlan(status, steps, wake_at=kill_at if len(due) < len(running) else None, ends=ends)
    if reason not in REMOVES:
        tidying = (step for container in all_containers(view.pod) for step in superseded(scene, container))
        return PodPlan(status, tuple(tidying), ends=ends)
    if view.busy:
        return PodPlan(status, ends=ends)
    stored = [scene.id_of(name, life.attempt) for name, lives in scene.lives.items() for life in lives if life.stored]
    return PodPlan(status, tuple(Remove(key, "pod_ended") for key in stored), gone=not stored, ends=ends)


def stop(scene: Scene, container: Container, kill_at: datetime, reason: str) -> Stop | None:
    """A stop of a running container; None if it was told already, and was not given more time than it has now."""
    life = scene.latest(container.name)
    assert life is not None
    told = scene.view.stopping.get(life.container_id)
    if told is not None and told <= kill_at:
        return None
    hook = _pre_stop(container)
    first = (target_of(scene, container, life), hook) if hook is not None and told is None else None
    grace_s = max((kill_at - scene.now).total_seconds(), 0.0)
    return Stop(scene.id_of(container.name, life.attempt), grace_s, reason, kill_at, first)


def _first_to_stop(pod: Pod, running: list[Container]) -> list[Container]:
    """All but the sidecars; when only these run, the one that was started last."""
    beside = {container.name for container in sidecars(pod)}
    return [container for container in running if container.name not in beside] or running[-1:]


def _pre_stop(container: Container) -> LifecycleHandler | None:
    return container.lifecycle.pre_stop if container.lifecycle is not None else None


def _ends(view: PodView, now: datetime) -> Ends:
    """When the grace is over. It runs once, from when the pod began to end; a shorter one runs from when it is told."""
    grace_s = _grace_s(view)
    kill_at = now + timedelta(seconds=grace_s)
    if view.ends is None:
        return Ends(kill_at, grace_s)
    return Ends(min(view.ends.kill_at, kill_at), grace_s) if grace_s < view.ends.grace_s else view.ends
