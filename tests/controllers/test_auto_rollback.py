"""Automatic rollback: what counts as a failure, where it goes, what it remembers, and that it never goes to and fro."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers import auto_rollback
from control_plane.controllers.auto_rollback import Failure, Memory, Return
from control_plane.controllers.rollout import Fleet
from control_plane.controllers.scaling import min_ready_s
from control_plane.plan import Emit, Update
from proto.objects.apps import Deployment, IntOrPercent, ReplicaSet
from proto.objects.meta import Condition, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerState, ContainerStateWaiting, ContainerStatus
from proto.rollouts import CHANGE_CAUSE, FAILED, HASH_LABEL, REVISION, REVISION_HISTORY, ROLLED_BACK
from tests.controllers.builders import deployment, ending, namespace, pod, replica_set, template
from tests.controllers.nodes import Machines
from tests.controllers.world import World

GOOD = replica_set("v1", 8, revision=1)
BAD = replica_set("v2", 5, available=0, revision=2, completed=0)
FLEET = Fleet(BAD, (GOOD,))
FAILURE = Failure(2, "CrashLoopBackOff", "it crashes")
WEB = evolve(deployment(10), **{"spec.auto_rollback": True, "spec.template": template("v2")})


def looping(name: str, restarts: int, reason: str = "CrashLoopBackOff", owner: ReplicaSet = BAD) -> Pod:
    state = ContainerState(waiting=ContainerStateWaiting(reason=reason))
    status = ContainerStatus(name="main", restart_count=restarts, state=state)
    return evolve(pod(name, owner, is_ready=False), **{"status.container_statuses": (status,)})


def failed(number: int, reason: str = "") -> Pod:
    return pod(f"p{number}", BAD, phase="Failed", is_ready=False, **{"status.reason": reason})


DISRUPTION = Condition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")
RENUMBERED = evolve(BAD, **{"metadata.annotations": {REVISION: "2", REVISION_HISTORY: "1"}})


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        pytest.param(
            [pod("a", BAD), pod("b", BAD, is_ready=False)], "", id="a pod that is not ready yet is no failure"
        ),
        pytest.param([looping("a", 1)], "", id="nor is one that ended twice"),
        pytest.param([looping("a", 2)], "CrashLoopBackOff", id="one that ended three times is"),
        pytest.param([looping("a", 5, "ContainerCreating")], "", id="but only while it waits to be started again"),
        pytest.param([ending(looping("a", 5))], "", id="and not when it is being deleted"),
        pytest.param([failed(1), failed(2)], "", id="two failed pods may happen"),
        pytest.param([failed(1), failed(2), failed(3)], "PodsFailed", id="three are a failure"),
        pytest.param([failed(1), failed(2), failed(3, "Evicted")], "", id="unless their node took them away"),
        pytest.param(
            [failed(1), failed(2), evolve(failed(3), **{"status.conditions": (DISRUPTION,)})],
            "",
            id="or they had to make room",
        ),
    ],
)
def test_trouble(pods: list[Pod], reason: str) -> None:
    found = auto_rollback.trial(BAD, pods).trouble
    assert ("" if found is None else found.reason) == reason


def test_failed_pods_of_an_earlier_turn_do_not_count() -> None:
    pods = [failed(number) for number in range(5)]
    assert auto_rollback.trial(RENUMBERED, pods).trouble is None
    assert auto_rollback.trial(RENUMBERED, [*pods, looping("a", 2)]).trouble is not None


NOWHERE = evolve(
    pod("a", BAD, node="", phase="Pending", is_ready=False),
    **{"status.conditions": (Condition(type="PodScheduled", status="False", reason="Unschedulable"),)},
)
TRIED = replica_set("v2", 5, available=1, revision=2, completed=0)


@pytest.mark.parametrize(
    ("surge", "fleet", "pods", "floor"),
    [
        pytest.param("25%", FLEET, [pod("a", BAD)], 10, id="before a new pod is available all former ones stay"),
        pytest.param("25%", Fleet(TRIED, (GOOD,)), [pod("a", BAD)], 8, id="then it goes as usual"),
        pytest.param(0, FLEET, [pod("a", BAD)], 8, id="and where the strategy has no room for both"),
        pytest.param("25%", FLEET, [NOWHERE], 8, id="and where the machines have none"),
        pytest.param("25%", Fleet(BAD, (replica_set("v1", 8, completed=0),)), [pod("a", BAD)], 8,
                     id="and where there is nothing to go back to"),
    ],
)  # fmt: skip
def test_caution(surge: IntOrPercent, fleet: Fleet, pods: list[Pod], floor: int) -> None:
    web = deployment(10, surge=surge)
    assert auto_rollback.cautious(web, fleet, auto_rollback.trial(BAD, pods)).floor == floor
    assert auto_rollback.cautious(web, fleet, None).floor == 8


@pytest.mark.parametrize(
    ("fleet", "on_trial"),
    [
        pytest.param(FLEET, True, id="a revision that was never fully available"),
        pytest.param(Fleet(replica_set("v2", 5, revision=2), (GOOD,)), False, id="one that was is not"),
        pytest.param(Fleet(replica_set("v2", 5, revision=3, completed=1), (GOOD,)), True, id="in an earlier turn only"),
        pytest.param(Fleet(replica_set("v0", 0, revision=1, completed=0), (replica_set("v1", 8, revision=4),)), False,
                     id="its turn has not begun"),
        pytest.param(Fleet(None, (GOOD,)), False, id="there is none"),
    ],
)  # fmt: skip
def test_is_on_trial(fleet: Fleet, on_trial: bool) -> None:
    assert auto_rollback.is_on_trial(fleet) is on_trial


def test_the_way_back_is_one_write_and_an_event() -> None:
    causes = evolve(GOOD, **{"metadata.annotations": {**GOOD.metadata.annotations, CHANGE_CAUSE: "good"}})
    web = evolve(WEB, **{"metadata.annotations": {CHANGE_CAUSE: "bad", REVISION: "2"}})
    update, event = auto_rollback.decided(web, Fleet(BAD, (causes,)), FAILURE)
    assert isinstance(update, Update)
    assert isinstance(event, Emit)
    back = update.object
    assert isinstance(back, Deployment)
    assert back.spec.template == template("v1")
    assert HASH_LABEL not in back.spec.template.metadata.labels
    assert back.metadata.annotations[CHANGE_CAUSE] == "good"
    assert back.metadata.annotations[REVISION] == "2"
    memory = Memory.of(back)
    assert memory.failures == {"web-v2": FAILURE}
    assert memory.way_back == Return(2, 1, FAILURE.reason, FAILURE.message, "web-v1")
    assert (event.reason, event.type) == ("AutoRollback", "Warning")
    assert event.message == "Rolled back from revision 2 to revision 1: it crashes"
    # With the template back nothing is left to decide.
    assert auto_rollback.decided(back, Fleet(causes, (BAD,)), FAILURE) == ()


@pytest.mark.parametrize(
    ("former", "to"),
    [
        pytest.param((GOOD, replica_set("v3", 0, revision=3, completed=3)), "v3", id="the last that was available"),
        pytest.param((GOOD, replica_set("v3", 0, revision=3, completed=0)), "v1", id="not one that never was"),
        pytest.param((replica_set("v0", 0, revision=5), GOOD), "v0", id="by when it was, not by age"),
        pytest.param((replica_set("v4", 0, revision=9, completed=2), replica_set("v3", 0, revision=3)), "v3",
                     id="nor by the number of a later turn that failed"),
        pytest.param((ending(replica_set("v3", 0, revision=3)), GOOD), "v1", id="not one that goes"),
        pytest.param((replica_set("v3", 0, completed=0),), "", id="if none ever was, nowhere"),
        pytest.param((), "", id="if there is no other, nowhere"),
    ],
)  # fmt: skip
def test_where_it_goes(former: tuple[ReplicaSet, ...], to: str) -> None:
    fleet = Fleet(evolve(BAD, **{"metadata.annotations": {REVISION: "10"}}), former)
    update, event = auto_rollback.decided(WEB, fleet, Failure(10, "CrashLoopBackOff", "it crashes"))
    assert isinstance(update.object, Deployment)
    assert update.object.spec.template == (template(to) if to else WEB.spec.template)
    assert event.reason == ("AutoRollback" if to else "AutoRollbackFailed")


def remembering(memory: Memory, **changes: Any) -> Deployment:
    return evolve(WEB, **{"metadata.annotations": memory.annotations(), **changes})


def test_what_failed_is_no_place_to_go_to() -> None:
    older = replica_set("v0", 0, revision=1)
    newer = replica_set("v1", 0, revision=4, completed=3)
    memory = Memory({"web-v1": Failure(4, "CrashLoopBackOff", "it crashed too")})
    bad = evolve(BAD, **{"metadata.annotations": {REVISION: "5"}})
    update, _ = auto_rollback.decided(remembering(memory), Fleet(bad, (older, newer)), Failure(5, "PodsFailed", "no"))
    assert isinstance(update.object, Deployment)
    assert update.object.spec.template == template("v0")


def test_if_what_it_went_back_to_fails_as_well_it_stays_and_says_so() -> None:
    back = Memory({"web-v2": FAILURE}, Return(2, 1, FAILURE.reason, FAILURE.message, "web-v1"))
    current = replica_set("v1", 5, available=0, revision=3, completed=1)
    fleet = Fleet(current, (replica_set("v0", 0, revision=0, completed=1), BAD))
    web = remembering(back, **{"spec.template": template("v1")})
    update, event = auto_rollback.decided(web, fleet, Failure(3, "PodsFailed", "no"))
    assert isinstance(update.object, Deployment)
    assert update.object.spec.template == template("v1")
    assert event.reason == "AutoRollbackFailed"
    (told,) = auto_rollback.with_verdict((), update.object, fleet, WEB.metadata.creation_timestamp)  # type: ignore[arg-type]
    assert (told.type, told.status, told.reason) == ("RolledBack", "False", "RollbackFailed")
    assert told.message == (
        "Revision 3, to which it was rolled back from revision 2, failed as well: no; nothing more is done until the "
        "template changes"
    )
    assert auto_rollback.decided(update.object, fleet, Failure(3, "PodsFailed", "no")) == ()


def test_memory_that_cannot_be_read_was_never_there() -> None:
    for text in ("", "x", "[]", "{}", '{"a": 1}', '{"a": {"b": 1}}', "null", "3"):
        odd = evolve(WEB, **{"metadata.annotations": {FAILED: text, ROLLED_BACK: text}})
        assert Memory.of(odd) == Memory({})


def test_what_was_fully_available_again_is_forgiven() -> None:
    back = Memory({"web-v1": Failure(1, "PodsFailed", "no"), "web-gone": FAILURE, "web-v2": FAILURE})
    fleet = Fleet(replica_set("v1", 3, revision=3), (BAD,))
    left = auto_rollback.forgiven(remembering(back), fleet)
    assert Memory.of(left).failures == {"web-v2": FAILURE}
    assert auto_rollback.forgiven(left, fleet) is left


@pytest.mark.parametrize(
    ("min_ready", "deadline", "auto", "seconds"),
    [
        pytest.param(0, 600, False, 0, id="as the spec says"),
        pytest.param(0, 600, True, 5, id="with autoRollback a little longer"),
        pytest.param(30, 600, True, 30, id="not less than the spec says"),
        pytest.param(0, 4, True, 2, id="and never so long that the deadline passes"),
    ],
)
def test_how_long_a_pod_must_be_ready(min_ready: int, deadline: int, auto: bool, seconds: int) -> None:
    spec = {"min_ready_seconds": min_ready, "progress_deadline_seconds": deadline, "auto_rollback": auto}
    assert min_ready_s(evolve(deployment().spec, **spec)) == seconds


class Story:
    """A Deployment in a world with broken versions."""

    def __init__(self) -> None:
        self.world = World(namespace())
        self.machines = Machines(self.world, "n1", "n2", "n3")
        self.world.put(evolve(deployment(4, surge=1, unavailable=0), **{"spec.auto_rollback": True}))
        self.settle()

    @property
    def deployment(self) -> Deployment:
        return self.world.all(Deployment)[0]

    @property
    def version(self) -> str:
        return self.deployment.spec.template.spec.containers[0].command[1]

    @property
    def verdict(self) -> tuple[str, str]:
        found = find_condition(self.deployment.status.conditions, "RolledBack")
        return ("", "") if found is None else (found.status, found.reason)

    @property
    def moves(self) -> int:
        return sum(event.reason == "AutoRollback" for event in self.world.events)

    def settle(self, seconds: int = 60) -> None:
        """Let time pass in steps in which pods become available."""
        for _ in range(0, seconds, 5):
            self.world.settle(self.machines.work)
            self.world.advance(5)
        self.world.settle(self.machines.work)

    def change(self, version: str, *, broken: bool = False) -> None:
        if broken:
            self.machines.broken.add(version)
        self.world.update(self.deployment, **{"spec.template": template(version)})
        self.settle()

    def crash(self) -> None:
        """The pods of the present version crash-loop."""
        for each in self.world.all(Pod):
            if self.version in each.spec.containers[0].command:
                self.machines.crash_loop(each)
        self.settle()


def test_past_its_deadline_it_goes_back_and_stays() -> None:
    story = Story()
    story.change("v2", broken=True)
    assert story.version == "v2"
    story.settle(600)
    assert story.version == "v1"
    assert story.verdict == ("True", "ProgressDeadlineExceeded")
    assert story.deployment.status.available_replicas == 4
    story.settle(2_000)
    assert story.moves == 1
    story.world.assert_fixpoint()


def test_a_crash_loop_is_not_waited_for() -> None:
    story = Story()
    story.change("v2", broken=True)
    story.crash()
    assert (story.version, story.verdict) == ("v1", ("True", "CrashLoopBackOff"))


def test_a_new_template_is_tried_and_the_verdict_is_gone() -> None:
    story = Story()
    story.change("v2", broken=True)
    story.crash()
    story.change("v3")
    assert (story.version, story.verdict) == ("v3", ("", ""))
    story.change("v2")
    story.crash()
    assert (story.version, story.verdict) == ("v3", ("True", "CrashLoopBackOff"))
    assert story.moves == 2


def test_the_failed_template_is_tried_again_when_a_person_says_so() -> None:
    story = Story()
    story.change("v2", broken=True)
    story.crash()
    story.machines.broken.clear()
    story.change("v2")
    assert (story.version, story.verdict) == ("v2", ("", ""))
    assert story.deployment.status.available_replicas == 4
    assert FAILED not in story.deployment.metadata.annotations


def test_between_two_bad_revisions_it_does_not_go_to_and_fro() -> None:
    story = Story()
    story.change("v2", broken=True)
    story.machines.broken.add("v1")
    for each in story.world.all(Pod):
        if "v1" in each.spec.containers[0].command:
            story.machines.set_ready(each, "False")
    story.crash()
    assert (story.version, story.moves) == ("v1", 1)
    story.crash()
    story.settle(3_000)
    assert (story.version, story.moves) == ("v1", 1)
    assert story.verdict == ("False", "RollbackFailed")
    story.machines.broken.clear()
    story.settle(60)
    assert story.deployment.status.available_replicas == 4
    assert story.verdict == ("True", "CrashLoopBackOff")
    story.world.assert_fixpoint()


def test_with_nowhere_to_go_it_says_so() -> None:
    world = World(namespace())
    machines = Machines(world, "n1")
    machines.broken.add("v1")
    world.put(evolve(deployment(2), **{"spec.auto_rollback": True}))
    world.settle(machines.work)
    world.advance(601)
    world.settle(machines.work)
    found = find_condition(world.all(Deployment)[0].status.conditions, "RolledBack")
    assert found is not None
    assert (found.status, found.reason) == ("False", "NoRevisionToRollBackTo")
    world.assert_fixpoint()


def test_paused_it_decides_nothing() -> None:
    story = Story()
    story.change("v2", broken=True)
    story.world.update(story.deployment, **{"spec.paused": True})
    story.crash()
    story.settle(2_000)
    assert (story.version, story.moves) == ("v2", 0)


def test_a_revision_that_was_fully_available_is_not_rolled_back_later() -> None:
    story = Story()
    story.change("v2")
    story.machines.broken.add("v2")
    for each in story.world.all(Pod):
        story.machines.set_ready(each, "False")
    story.crash()
    story.settle(2_000)
    assert (story.version, story.moves) == ("v2", 0)


def test_where_the_new_pods_find_no_place_former_ones_make_room() -> None:
    story = Story()
    loose = {"spec.strategy.rolling_update.max_unavailable": 1, "spec.template": template("v2")}
    story.world.update(story.deployment, **loose)
    story.world.settle()
    (new,) = (each for each in story.world.all(Pod) if not each.spec.node_name)
    assert story.deployment.status.available_replicas == 4
    story.world.put(evolve(new, **{"status.conditions": NOWHERE.status.conditions}))
    story.world.settle()
    assert story.deployment.status.available_replicas == 3
    story.settle()
    assert story.version == "v2"
    assert story.deployment.status.available_replicas == 4


@pytest.mark.parametrize("writes", range(4))
def test_a_leader_that_dies_after_any_write_leaves_nothing_half_done(writes: int) -> None:
    story = Story()
    story.change("v2", broken=True)
    story.world.advance(700)
    while story.world.waiting:
        story.world.catch_up()
        story.world.step(crash_after=writes)
        if writes == 0:
            break
    story.settle(2_000)
    assert (story.version, story.moves) == ("v1", 1)
    assert story.deployment.status.available_replicas == 4
