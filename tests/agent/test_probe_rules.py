"""What looks at a container add up to."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.plan.probes import (
    Health,
    Look,
    Streak,
    Verdict,
    first_health,
    first_look_s,
    is_wanted,
    judged,
    probes_of,
    prolonged,
    told,
)
from proto.objects.container import Container
from proto.objects.health import Probe, ProbeKind
from proto.objects.pod_status import ContainerStatus

EXEC = {"exec": {"command": ["true"]}}
LOOKS: dict[str, Verdict] = {"+": "success", "-": "failure", "?": "unknown"}


def container(**probes: Any) -> Container:
    return Container.model_validate({"name": "app", **probes})


def after(looks: str, kind: ProbeKind, begin: Health, **timing: Any) -> Health:
    """The health after such looks: + success, - failure, ? could not look."""
    probe = Probe.model_validate({**EXEC, **timing})
    health, streak = begin, Streak()
    both = container(startupProbe=EXEC, readinessProbe=EXEC) if kind == "startup" else container()
    for sign in looks:
        streak = prolonged(streak, Look(LOOKS[sign]))
        health = judged(both, kind, probe, streak, health)
    return health


UNREADY = Health(started=True, ready=False)


@pytest.mark.parametrize(
    ("looks", "timing", "ready"),
    [
        ("", {}, False),
        ("+", {}, True),
        ("+-", {}, True),
        ("+--", {}, True),
        ("+---", {}, False),
        ("+--+--", {}, True),
        ("+--?-", {}, False),
        ("+---+", {}, True),
        ("+---+", {"successThreshold": 2}, False),
        ("++---++", {"successThreshold": 2}, True),
        ("+", {"successThreshold": 2}, False),
        ("+-", {"failureThreshold": 1}, False),
        ("???", {}, False),
    ],
)
def test_readiness(looks: str, timing: dict[str, Any], ready: bool) -> None:
    assert after(looks, "readiness", UNREADY, **timing) == Health(started=True, ready=ready)


@pytest.mark.parametrize(
    ("looks", "failed"), [("--", None), ("---", "liveness"), ("--+--", None), ("--?-", "liveness"), ("+++", None)]
)
def test_liveness(looks: str, failed: ProbeKind | None) -> None:
    assert after(looks, "liveness", Health()) == Health(started=True, ready=failed is None, failed=failed)


@pytest.mark.parametrize(
    ("looks", "health"),
    [
        ("--", Health(started=False, ready=False)),
        ("--+", Health(started=True, ready=False)),
        ("---", Health(started=False, ready=False, failed="startup")),
    ],
)
def test_startup(looks: str, health: Health) -> None:
    assert after(looks, "startup", Health(started=False, ready=False)) == health


@pytest.mark.parametrize(
    ("health", "wanted"),
    [
        (Health(started=False, ready=False), {"startup"}),
        (Health(), {"liveness", "readiness"}),
        (Health(failed="liveness"), set()),
        (Health(started=False, failed="startup"), set()),
    ],
    ids=["starting", "started", "to be killed", "not started, to be killed"],
)
def test_who_looks(health: Health, wanted: set[str]) -> None:
    full = container(startupProbe=EXEC, livenessProbe=EXEC, readinessProbe=EXEC)
    assert {kind for kind, _ in probes_of(full) if is_wanted(kind, health)} == wanted


@pytest.mark.parametrize(
    ("delay_s", "age_s", "in_s"), [(0, 0, 0), (5, 0, 5), (5, 3, 2), (5, 9, 0)], ids=["at once", "new", "young", "old"]
)
def test_the_first_look_counts_from_the_start(delay_s: int, age_s: float, in_s: float) -> None:
    assert first_look_s(Probe.model_validate({**EXEC, "initialDelaySeconds": delay_s}), age_s) == in_s


def reported(container_id: str, **more: Any) -> ContainerStatus:
    return ContainerStatus.model_validate(
        {"name": "app", "containerID": container_id, "state": {"running": {}}, "started": True, "ready": True, **more}
    )


@pytest.mark.parametrize(
    ("status", "probes", "health"),
    [
        (None, {}, Health()),
        (None, {"readinessProbe": EXEC}, Health(ready=False)),
        (None, {"startupProbe": EXEC}, Health(started=False, ready=False)),
        (reported("u.app.0"), {"startupProbe": EXEC, "readinessProbe": EXEC}, Health()),
        (reported("u.app.0", ready=False), {"readinessProbe": EXEC}, Health(ready=False)),
        (reported("u.app.1"), {"readinessProbe": EXEC}, Health(ready=False)),
    ],
    ids=["no probes", "readiness", "startup", "adopted", "adopted, not ready", "an earlier life was reported"],
)
def test_the_health_to_begin_with(status: ContainerStatus | None, probes: dict[str, Any], health: Health) -> None:
    assert first_health(container(**probes), "u.app.0", status) == health


def test_a_failure_that_repeats_itself_is_told_at_times() -> None:
    streak, times = Streak(), []
    for second in range(25):
        look = Look("success") if second == 12 else Look("failure", "other" if second == 3 else "no")
        streak, event = told("liveness", streak, look, float(second))
        if event is not None:
            times.append((second, *event))
    assert times == [
        (0, "Unhealthy", "Liveness probe failed: no"),
        (3, "Unhealthy", "Liveness probe failed: other"),
        (4, "Unhealthy", "Liveness probe failed: no"),
        (13, "Unhealthy", "Liveness probe failed: no"),
        (23, "Unhealthy", "Liveness probe failed: no"),
    ]


@pytest.mark.parametrize(
    ("look", "event"),
    [
        (Look("success"), None),
        (Look("success", "left", warning=True), ("ProbeWarning", "Readiness probe warning: left")),
        (Look("failure", "no"), ("Unhealthy", "Readiness probe failed: no")),
        (Look("unknown", "no"), ("Unhealthy", "Readiness probe errored: no")),
    ],
)
def test_what_is_told(look: Look, event: tuple[str, str] | None) -> None:
    assert told("readiness", Streak(), look, 0.0)[1] == event
