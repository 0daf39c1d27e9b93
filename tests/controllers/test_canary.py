"""Canaries: how many pods each step asks for, which step is under way, and what people may say to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from control_plane.controllers import canary
from control_plane.controllers.rollout import Fleet
from control_plane.controllers.scaling import bounds
from proto.objects.apps import (
    CanaryPause,
    CanaryStatus,
    CanaryStep,
    CanaryStrategy,
    Deployment,
    DeploymentStrategy,
    ReplicaSet,
    RollingUpdateDeployment,
)
from proto.objects.meta import evolve, find_condition
from proto.rollouts import ABORTED, PROMOTED
from tests.controllers.builders import NOW, ago, deployment, in_, namespace, replica_set, template
from tests.controllers.nodes import Machines
from tests.controllers.world import World

WAIT = CanaryStep(pause=CanaryPause())


def weight(percent: int) -> CanaryStep:
    return CanaryStep(set_weight=percent)


def count(replicas: int) -> CanaryStep:
    return CanaryStep(set_replicas=replicas)


def wait(seconds: int) -> CanaryStep:
    return CanaryStep(pause=CanaryPause(duration_seconds=seconds))


def web(*steps: CanaryStep, replicas: int = 10, surge: int = 2, unavailable: int = 0, **changes: Any) -> Deployment:
    strategy = DeploymentStrategy(
        type="Canary",
        canary=CanaryStrategy(steps=steps),
        rolling_update=RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable),
    )
    return evolve(deployment(replicas), **{"spec.strategy": strategy, **changes})


OLD = replica_set("v1", 8, revision=1)
NEW = replica_set("v2", 2, revision=2, completed=0)
FLEET = Fleet(NEW, (OLD,))


def at_step(index: int, paused_since: datetime | None = None, **more: Any) -> dict[str, Any]:
    told = CanaryStatus(revision=2, current_step_index=index, paused_since=paused_since, stable_revision=1, **more)
    return {"status.canary": told}


def said(**words: str) -> dict[str, Any]:
    names = {"aborted": ABORTED, "promoted": PROMOTED}
    return {"metadata.annotations": {names[name]: text for name, text in words.items()}}


@pytest.mark.parametrize(
    ("replicas", "steps", "wanted"),
    [
        pytest.param(10, (weight(20),), (2, 8), id="a weight is a percentage"),
        pytest.param(10, (weight(11),), (2, 8), id="rounded up"),
        pytest.param(10, (weight(99),), (9, 1), id="below 100 one stable pod is left"),
        pytest.param(10, (weight(100),), (10, 0), id="100 is everything"),
        pytest.param(10, (weight(0),), (0, 10), id="0 is nothing"),
        pytest.param(1, (weight(50),), (1, 1), id="of one pod both, while there is room"),
        pytest.param(10, (count(3),), (3, 7), id="a count"),
        pytest.param(10, (count(50),), (10, 0), id="a count beyond all is everything"),
        pytest.param(0, (weight(50),), (0, 0), id="nothing of nothing"),
        pytest.param(10, (WAIT,), (0, 10), id="a pause at first asks for nothing"),
        pytest.param(10, (), (10, 0), id="no steps, everything"),
    ],
)
def test_what_the_first_step_asks_for(replicas: int, steps: tuple[CanaryStep, ...], wanted: tuple[int, int]) -> None:
    made = web(*steps, replicas=replicas)
    at = canary.Course(steps, 2, OLD)
    fleet = Fleet(evolve(NEW, **{"spec.replicas": 0}), (evolve(OLD, **{"spec.replicas": 0}),))
    assert {"uid-v1": 0, "uid-v2": 0, **canary.goals(made, fleet, at)} == {
        "uid-v2": wanted[0], "uid-v1": wanted[1]
    }  # fmt: skip


def test_without_room_for_both_one_pod_is_simply_replaced() -> None:
    made = web(weight(50), replicas=1, surge=0, unavailable=1)
    assert canary.goals(made, FLEET, canary.Course((weight(50),), 2, OLD)) == {"uid-v2": 1, "uid-v1": 0}


def test_a_pause_keeps_what_the_step_before_asked_for() -> None:
    at = canary.Course((weight(20), WAIT, weight(60)), 2, OLD, index=1)
    assert canary.goals(web(*at.steps), FLEET, at) == {"uid-v2": 2, "uid-v1": 8}


STEPS = (weight(20), WAIT, weight(50), wait(60))
HALF = Fleet(evolve(NEW, **{"spec.replicas": 5, "status.replicas": 5, "status.available_replicas": 5}),
             (evolve(OLD, **{"spec.replicas": 5, "status.replicas": 5}),))  # fmt: skip


@pytest.mark.parametrize(
    ("told", "fleet", "index", "paused"),
    [
        pytest.param({}, Fleet(evolve(NEW, **{"status.available_replicas": 1}), (OLD,)), 0, None,
                     id="a step is not done before its pods are available"),
        pytest.param({}, Fleet(NEW, (evolve(OLD, **{"spec.replicas": 9, "status.replicas": 9}),)), 0, None,
                     id="nor while there are too many of the former"),
        pytest.param({}, FLEET, 1, NOW, id="then the pause begins"),
        pytest.param(at_step(1, ago(9999)), FLEET, 1, ago(9999), id="it does not end by itself"),
        pytest.param({**at_step(1, ago(5)), **said(promoted="2/1")}, FLEET, 2, None, id="promoted it goes on"),
        pytest.param({**at_step(1, ago(5)), **said(promoted="1/1")}, FLEET, 1, ago(5),
                     id="what was said of another revision says nothing"),
        pytest.param({**at_step(1, ago(5)), **said(promoted="2/0")}, FLEET, 1, ago(5),
                     id="nor what was said of an earlier pause"),
        pytest.param({**at_step(1, ago(5)), **said(promoted="2/full")}, FLEET, 4, None, id="promoted fully it is over"),
        pytest.param({**at_step(1, ago(5)), **said(promoted="nonsense")}, FLEET, 1, ago(5), id="nonsense is not heard"),
        pytest.param(at_step(3, ago(59)), HALF, 3, ago(59), id="a pause with a duration lasts so long"),
        pytest.param(at_step(3, ago(60)), HALF, 4, None, id="and then ends"),
        pytest.param(at_step(9), HALF, 4, None, id="steps that were taken away are done"),
        pytest.param({**at_step(1, ago(5)), "spec.paused": True, **said(promoted="2/1")}, FLEET, 1, ago(5),
                     id="paused as a whole it takes no step"),
        pytest.param(at_step(0, aborted=True), FLEET, 1, NOW, id="after an abort it begins again"),
    ],
)  # fmt: skip
def test_the_step_under_way(told: dict[str, Any], fleet: Fleet, index: int, paused: datetime | None) -> None:
    at = canary.course(web(*STEPS, **told), fleet, NOW)
    assert at is not None
    assert (at.index, at.paused_since) == (index, paused)


@pytest.mark.parametrize(
    "fleet",
    [
        pytest.param(Fleet(NEW, ()), id="no other revision"),
        pytest.param(Fleet(NEW, (replica_set("v1", 3, completed=0),)), id="none that was ever available"),
        pytest.param(Fleet(replica_set("v2", 1, revision=4, completed=3), (OLD,)), id="back to the last that was"),
        pytest.param(Fleet(None, (OLD,)), id="no current one yet"),
    ],
)
def test_there_is_no_canary_with(fleet: Fleet) -> None:
    assert canary.course(web(*STEPS), fleet, NOW) is None


def test_a_replica_set_whose_turn_comes_again_begins_at_the_first_step() -> None:
    again = Fleet(replica_set("v2", 0, revision=2, completed=2), (replica_set("v1", 10, revision=3),))
    at = canary.course(web(*STEPS, **at_step(4)), again, NOW)
    assert at is not None
    assert (at.revision, at.index) == (4, 0)


def test_an_aborted_one_gives_everything_back() -> None:
    made = web(*STEPS, **at_step(1, ago(5)), **said(aborted="2"))
    at = canary.course(made, FLEET, NOW)
    assert at is not None
    assert at.aborted
    assert canary.goals(made, FLEET, at) == {"uid-v1": 10}
    assert canary.events(made, at)[0].reason == "CanaryAborted"
    assert canary.sizes(made, FLEET, at, bounds(made.spec)) == {"uid-v1": 10, "uid-v2": 2}


def test_what_was_said_of_other_revisions_is_forgotten() -> None:
    words = {ABORTED: "2", PROMOTED: "3/1", "other": "2"}
    assert canary.heard(words, 2) == {ABORTED: "2", "other": "2"}
    assert canary.heard(words, 3) == {PROMOTED: "3/1", "other": "2"}


def test_the_deadline_of_a_pause_is_known() -> None:
    at = canary.Course(STEPS, 2, OLD, index=3, paused_since=NOW)
    assert at.resumes_at == in_(60)
    assert replace(at, index=1).resumes_at is None


class Story:
    """A canary in a world, told step by step."""

    def __init__(self, *steps: CanaryStep, replicas: int = 10):
        self.world = World(namespace())
        self.machines = Machines(self.world, "n1", "n2", "n3")
        self.world.put(web(*steps, replicas=replicas))
        self.settle()

    @property
    def deployment(self) -> Deployment:
        return self.world.all(Deployment)[0]

    @property
    def sizes(self) -> dict[str, int]:
        """Pods wanted by version; none where there are none."""
        return {
            each.spec.template.spec.containers[0].command[1]: each.spec.replicas
            for each in self.world.all(ReplicaSet)
            if each.spec.replicas
        }

    def settle(self, seconds: float = 0) -> None:
        self.world.advance(seconds)
        self.world.settle(self.machines.work)

    def change(self, version: str) -> None:
        self.world.update(self.deployment, **{"spec.template": template(version)})
        self.settle()

    def say(self, **words: str | None) -> None:
        names = {"aborted": ABORTED, "promoted": PROMOTED}
        annotations = dict(self.deployment.metadata.annotations)
        for name, text in words.items():
            annotations.pop(names[name], None)
            if text is not None:
                annotations[names[name]] = text
        self.world.update(self.deployment, **{"metadata.annotations": annotations})
        self.settle()

    def reason(self, kind: str = "Progressing") -> str:
        found = find_condition(self.deployment.status.conditions, kind)
        return "" if found is None else found.reason


def test_a_canary_from_its_first_step_to_its_end() -> None:
    story = Story(weight(20), WAIT, count(5), wait(60))
    assert story.sizes == {"v1": 10}
    story.change("v2")
    assert story.sizes == {"v1": 8, "v2": 2}
    assert story.reason() == "CanaryPaused"
    story.settle(100_000)
    assert story.sizes == {"v1": 8, "v2": 2}
    story.say(promoted="2/1")
    assert story.sizes == {"v1": 5, "v2": 5}
    story.settle(61)
    assert story.sizes == {"v2": 10}
    assert story.reason() == "NewReplicaSetAvailable"
    story.world.assert_fixpoint()


def test_an_aborted_canary_stays_until_it_is_tried_again_or_changed() -> None:
    story = Story(weight(20), WAIT)
    story.change("v2")
    story.say(aborted="2")
    assert story.sizes == {"v1": 10}
    assert story.reason() == "CanaryAborted"
    story.settle(100_000)
    assert story.sizes == {"v1": 10}
    story.world.assert_fixpoint()
    story.say(aborted=None)
    assert story.sizes == {"v1": 8, "v2": 2}
    story.say(aborted="2")
    story.change("v3")
    assert story.sizes == {"v1": 8, "v3": 2}


def test_scaling_keeps_the_weight() -> None:
    story = Story(weight(20), WAIT)
    story.change("v2")
    for replicas, sizes in ((20, {"v1": 16, "v2": 4}), (5, {"v1": 4, "v2": 1}), (0, {}), (10, {"v1": 8, "v2": 2})):
        story.world.update(story.deployment, **{"spec.replicas": replicas})
        story.settle()
        assert story.sizes == sizes


def test_going_back_to_the_stable_revision_goes_straight() -> None:
    story = Story(weight(20), WAIT)
    story.change("v2")
    story.change("v1")
    assert story.sizes == {"v1": 10}
    assert story.reason() == "NewReplicaSetAvailable"


def test_a_canary_that_asks_for_everything_still_waits_at_its_last_pause() -> None:
    story = Story(weight(100), WAIT)
    story.change("v2")
    assert story.sizes == {"v2": 10}
    assert story.reason() == "CanaryPaused"
    story.say(aborted="2")
    assert story.sizes == {"v1": 10}


def test_another_strategy_ends_the_canary() -> None:
    story = Story(weight(20), WAIT)
    story.change("v2")
    story.world.update(story.deployment, **{"spec.strategy": DeploymentStrategy()})
    story.settle()
    assert story.sizes == {"v2": 10}
    assert story.deployment.status.canary is None
