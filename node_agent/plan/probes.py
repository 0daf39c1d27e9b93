"""Probes: what a container's health is after each look, when to look next, and what people are told.

A container's startup probe comes first; until it has succeeded the others wait. A probe's result changes only after
`successThreshold` or `failureThreshold` equal looks in a row. A failed startup or liveness probe is final: the
container is killed, and the next one begins anew.

Reads: probes, looks, times as values. Returns: health, due times, whether to tell. Never: looks itself.
Source: Kubernetes, pod-lifecycle "Container probes"; the kubelet's `prober/worker.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from proto.objects.container import Container
from proto.objects.health import Probe, ProbeKind
from proto.objects.pod_status import ContainerStatus

TOLD_AGAIN_S = 10.0
"""A failure that is the same as the last one is told again after so long."""

Verdict = Literal["success", "failure", "unknown"]
"""How a look went. `unknown`: it could not be taken, which says nothing about the program."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a container showed; `warning` is something to tell of a success."""

    verdict: Verdict
    message: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a running container. `failed`: the probe for which it is to be killed."""

    started: bool = True
    ready: bool = True
    failed: ProbeKind | None = None


@dataclass(frozen=True, slots=True)
class Streak:
    """So many equal looks in a row, and what was told of the last failure, and when (monotonic seconds)."""

    success: bool | None = None
    length: int = 0
    told: str = ""
    told_at_s: float = float("-inf")


def probes_of(container: Container) -> Iterator[tuple[ProbeKind, Probe]]:
    """The probes that the container has."""
    if container.startup_probe is not None:
        yield "startup", container.startup_probe
    if container.liveness_probe is not None:
        yield "liveness", container.liveness_probe
    if container.readiness_probe is not None:
        yield "readiness", container.readiness_probe


def first_health(container: Container, container_id: str, reported: ContainerStatus | None) -> Health:
    """The health of a container that nobody has looked at since the agent began.

    One that an earlier life of the agent reported as running keeps what was told of it: neither does it start up
    again, nor does a restart of the agent take it out of service.
    """
    if reported is not None and reported.container_id == container_id and reported.state.running is not None:
        return Health(started=reported.started, ready=reported.ready)
    started = container.startup_probe is None
    return Health(started=started, ready=started and container.readiness_probe is None)


def is_wanted(kind: ProbeKind, health: Health) -> bool:
    """Whether this probe looks at a container of this health."""
    return health.failed is None and (kind == "startup") is not health.started


def first_look_s(probe: Probe, age_s: float, delay_s: float = 0.0) -> float:
    """In how many seconds to look for the first time at a container that has run for `age_s`."""
    return max(probe.initial_delay_seconds - age_s, 0.0) + delay_s


def prolonged(streak: Streak, look: Look) -> Streak:
    """The streak after one more look; one that could not be taken changes nothing."""
    if look.verdict == "unknown":
        return streak
    success = look.verdict == "success"
    return replace(streak, success=success, length=streak.length + 1 if success is streak.success else 1)


def judged(container: Container, kind: ProbeKind, probe: Probe, streak: Streak, health: Health) -> Health:
    """The health after a look of this kind, with the streak that it led to."""
    if streak.success is None or streak.length < _threshold(probe, success=streak.success):
        return health
    if kind == "readiness":
        return replace(health, ready=streak.success)
    if not streak.success:
        return replace(health, failed=kind, ready=False)
    if kind == "startup":
        return Health(started=True, ready=container.readiness_probe is None)
    return health


def _threshold(probe: Probe, *, success: bool) -> int:
    return probe.success_threshold if success else probe.failure_threshold


def told(kind: ProbeKind, streak: Streak, look: Look, now_s: float) -> tuple[Streak, tuple[str, str] | None]:
    """The reason and message of the event about a look, if there is something to tell; the kubelet's wording.

    A failure that repeats itself is told at times only: a thousand broken programs must not flood the hub.
    """
    title = kind.capitalize()
    if look.verdict == "success":
        event = ("ProbeWarning", f"{title} probe warning: {look.message}") if look.warning else None
    elif look.verdict == "failure":
        event = ("Unhealthy", f"{title} probe failed: {look.message}")
    else:
        event = ("Unhealthy", f"{title} probe errored: {look.message}")
    if event is None:
        return replace(streak, told="", told_at_s=float("-inf")), None
    if event[1] == streak.told and now_s < streak.told_at_s + TOLD_AGAIN_S:
        return streak, None
    return replace(streak, told=event[1], told_at_s=now_s), event
