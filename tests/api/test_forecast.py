"""Forecasts: what would become of pods; nothing is written, whatever is asked."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.foresight import Foresight
from proto.codec import to_dict
from proto.forecast import Forecast
from proto.objects.apps import CanaryPause, CanaryStep, CanaryStrategy, DeploymentStrategy
from proto.objects.container import ResourceRequirements
from proto.objects.meta import Object, evolve
from proto.objects.pod import PodSchedulingGate
from tests.api.test_bad_input import filled_cluster
from tests.controllers.builders import NOW, deployment, namespace, node, template
from tests.controllers.daemon_sets import daemon_set
from tests.controllers.stateful_sets import stateful_set

ROOM = {"status.allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}
MACHINES = [node(f"n{number}", **ROOM) for number in (1, 2, 3)]


def foreseen(*changes: Object, there: tuple[Object, ...] = ()) -> Forecast:
    foresight = Foresight([namespace(), *MACHINES, *there], NOW)
    for change in changes:
        foresight.change(change)
    return foresight.forecast()


def settled(*objects: Object) -> tuple[Object, ...]:
    """What there is once these objects run."""
    foresight = Foresight([namespace(), *MACHINES], NOW)
    for obj in objects:
        foresight.change(obj)
    foresight.forecast()
    return foresight.objects()


def test_a_new_deployment_is_spread() -> None:
    forecast = foreseen(deployment(3))
    assert sorted(pod.node for pod in forecast.created) == ["n1", "n2", "n3"]
    assert {pod.owner for pod in forecast.created} == {"Deployment/web"}
    assert forecast.deleted == ()


def test_a_rollout_replaces_all_pods() -> None:
    there = settled(deployment(3))
    forecast = foreseen(deployment(4, version="v2"), there=there)
    assert (len(forecast.created), len(forecast.deleted)) == (4, 3)


def test_scaling_makes_only_what_is_missing() -> None:
    there = settled(deployment(3))
    assert len(foreseen(deployment(5), there=there).created) == 2
    assert len(foreseen(deployment(1), there=there).deleted) == 2
    assert foreseen(deployment(3), there=there) == Forecast()


def test_pods_that_fit_nowhere_say_why() -> None:
    big = ResourceRequirements(requests={"cpu": "3"})
    containers = tuple(evolve(each, resources=big) for each in template().spec.containers)
    forecast = foreseen(deployment(5, **{"spec.template.spec.containers": containers}))
    problems = [pod.problem for pod in forecast.created if not pod.node]
    assert len(problems) == 2
    assert all(each.startswith("0/3 nodes are available: 3 Insufficient cpu.") for each in problems)


def test_less_important_pods_make_room() -> None:
    big = ResourceRequirements(requests={"cpu": "3"})
    containers = tuple(evolve(each, resources=big) for each in template().spec.containers)
    there = settled(deployment(3, **{"spec.template.spec.containers": containers}))
    above = stateful_set(1, **{"spec.template.spec.containers": containers, "spec.template.spec.priority": 1000})
    forecast = foreseen(above, there=there)
    assert [(pod.name, bool(pod.node)) for pod in forecast.created if pod.owner == "StatefulSet/db"] == [("db-0", True)]
    assert [pod.owner for pod in forecast.deleted] == ["Deployment/web"]


def test_a_canary_is_followed_up_to_its_pause() -> None:
    steps = (CanaryStep(set_replicas=1), CanaryStep(pause=CanaryPause()))
    canary = DeploymentStrategy(type="Canary", canary=CanaryStrategy(steps=steps))
    there = settled(deployment(4, **{"spec.strategy": canary}))
    forecast = foreseen(deployment(4, version="v2", **{"spec.strategy": canary}), there=there)
    assert len(forecast.created) == 1
    assert len(forecast.waits_for) == 1
    assert forecast.waits_for[0].startswith("Deployment/web: ")


@pytest.mark.parametrize(
    ("change", "pods"),
    [
        pytest.param(stateful_set(3), ["db-0", "db-1", "db-2"], id="stateful-set"),
        pytest.param(daemon_set(), ["n1", "n2", "n3"], id="daemon-set"),
    ],
)
def test_other_kinds_too(change: Object, pods: list[str]) -> None:
    created = foreseen(change).created
    assert sorted(pod.name if pods[0].startswith("db") else pod.node for pod in created) == pods


async def test_a_forecast_writes_nothing() -> None:
    async with filled_cluster() as api:
        before = api.revision
        forecast = await api.ok("plan.meta.forecast._", {"objects": [to_dict(deployment(2))]})
        assert len(forecast["created"]) == 2
        assert api.revision == before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, "objects: must be a list of objects, with at least one", id="nothing"),
        pytest.param({"objects": []}, "objects: must be a list of objects, with at least one", id="none"),
        pytest.param({"objects": ["x"]}, "objects[0]: must be an object with apiVersion and kind", id="a-text"),
        pytest.param(
            {"objects": [{"apiVersion": "v1", "kind": "Pot"}]},
            'objects[0]: no matches for kind "Pot" in version "v1", did you mean "Pod"?',
            id="unknown-kind",
        ),
        pytest.param({"object": []}, 'unknown option "object" for plan, did you mean "objects"?', id="misspelt"),
        pytest.param(
            {"objects": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}]},
            'Pod "p" is invalid: spec.containers: Required value',
            id="breaks-a-rule",
        ),
    ],
)
async def test_what_cannot_be_foreseen_is_told(body: dict[str, Any], message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        _, _, told = await api.refused("plan.meta.forecast._", body)
        assert message in told
        assert api.revision == before


def test_gated_pods_wait_in_a_forecast_too() -> None:
    held = evolve(deployment(2), **{"spec.template.spec.scheduling_gates": (PodSchedulingGate(name="a"),)})
    forecast = foreseen(held)
    assert [pod.node for pod in forecast.created] == ["", ""]
    assert {pod.problem for pod in forecast.created} == {"Scheduling is blocked due to non-empty scheduling gates"}
