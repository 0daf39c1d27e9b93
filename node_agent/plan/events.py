"""What people are told of a pod: computed from one reported status to the next, so nothing is told twice.

Reasons and wording follow the kubelet's events (`Started`, `BackOff`, `Failed`, `Killing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from node_agent.plan.failures import POST_START_ERROR, RUN_ERROR
from node_agent.plan.lives import START_ERROR
from node_agent.plan.restarts import CRASH_LOOP
from node_agent.plan.status import DEADLINE_EXCEEDED, DEADLINE_MESSAGE, EVICTED, NOT_ITS_TURN, NOT_STARTED, OUT_OF
from node_agent.plan.view import Stop
from proto.node import PodEvent
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus, PodStatus

_SILENT = (NOT_STARTED.reason, NOT_ITS_TURN.reason, RUN_ERROR, POST_START_ERROR)
"""Waiting reasons that say nothing new: there is none, or the failure had an event of its own."""

_KILLING = {
    "resize_restart": "Container {} resize requires restart",
    "liveness_failed": "Container {} failed liveness probe, will be restarted",
    "startup_failed": "Container {} failed startup probe, will be restarted",
    "post_start_failed": "FailedPostStartHook",
}
"""The kubelet's wording; everything else is just stopped."""


def events_between(pod: Pod, old: PodStatus, new: PodStatus) -> tuple[PodEvent, ...]:
    """The events of everything that changed between two statuses of a pod."""
    before = {status.name: status for status in (*old.init_container_statuses, *old.container_statuses)}
    events: list[PodEvent] = []
    if new.reason != old.reason and (new.reason == EVICTED or new.reason.startswith(OUT_OF)):
        events.append(_event(pod, new.reason, new.message, "Warning"))
    if new.reason == DEADLINE_EXCEEDED != old.reason:
        events.append(_event(pod, DEADLINE_EXCEEDED, DEADLINE_MESSAGE))
    for status in (*new.init_container_statuses, *new.container_statuses):
        events += _container_events(pod, before.get(status.name, ContainerStatus(name=status.name)), status)
    return tuple(events)


def killing(pod: Pod, stop: Stop) -> PodEvent:
    """A container is about to be stopped."""
    words = _KILLING.get(stop.reason, "Stopping container {}")
    return _event(pod, "Killing", words.format(stop.id.container))


def hook_failed(pod: Pod, hook: Literal["PostStart", "PreStop"], detail: str) -> PodEvent:
    """A hook did not do what it should."""
    return _event(pod, f"Failed{hook}Hook", f"{hook}Hook failed: {detail}", "Warning")


def not_synced(pod: Pod, why: str) -> PodEvent:
    """The pod cannot be looked after, through no fault of its own."""
    return _event(pod, "FailedSync", f"error syncing pod: {why}", "Warning")


def probed(pod: Pod, reason: str, message: str) -> PodEvent:
    """What a probe has to tell."""
    return _event(pod, reason, message, "Warning")


def _container_events(pod: Pod, old: ContainerStatus, new: ContainerStatus) -> Iterator[PodEvent]:
    if new.state.running is not None and (old.state.running is None or old.container_id != new.container_id):
        yield _event(pod, "Started", f"Started container {new.name}")
    ended, known = new.state.terminated or new.last_state.terminated, old.state.terminated or old.last_state.terminated
    if ended is not None and ended.reason == START_ERROR and ended != known:
        yield _event(pod, "Failed", f"Error: {ended.message}", "Warning")
    waiting = new.state.waiting
    if (
        waiting is not None
        and waiting.reason == NOT_STARTED.reason
        and waiting.message
        and waiting != old.state.waiting
    ):
        yield _event(pod, "FailedMount", waiting.message, "Warning")
    if waiting is None or waiting == old.state.waiting or waiting.reason in _SILENT:
        return
    if waiting.reason == CRASH_LOOP:
        message = f"Back-off restarting failed container {new.name} in pod {pod.metadata.name}_{pod.metadata.namespace}"
        yield _event(pod, "BackOff", f"{message}({pod.metadata.uid})", "Warning")
    else:
        yield _event(pod, "Failed", f"Error: {waiting.message}", "Warning")


def _event(pod: Pod, reason: str, message: str, kind: Literal["Normal", "Warning"] = "Normal") -> PodEvent:
    meta = pod.metadata
    return PodEvent(namespace=meta.namespace, name=meta.name, uid=meta.uid, reason=reason, message=message, type=kind)
