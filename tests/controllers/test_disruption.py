"""Disruption budgets: what the controller counts, and what is allowed because of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from control_plane.budgets import Allowance, budgets_of, judge
from control_plane.controllers.disruption import DisruptionController
from control_plane.plan import Emit, Plan, SetStatus
from control_plane.store.mirror import Mirror
from proto.objects.meta import LabelSelector, LabelSelectorRequirement, Object, ObjectMeta, evolve
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from tests.controllers.builders import NOW, ago, deployment, ending, plan_for, pod, replica_set
from tests.controllers.world import World

WEB = LabelSelector(match_labels={"app": "web"})


def budget(name: str = "pdb", *, selector: LabelSelector | None = WEB, **spec: Any) -> PodDisruptionBudget:
    changes = {key.removeprefix("status_"): spec.pop(key) for key in list(spec) if key.startswith("status_")}
    return PodDisruptionBudget(
        metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", generation=1),
        spec=PodDisruptionBudgetSpec(selector=selector, **spec),
        status=PodDisruptionBudgetStatus(**changes),
    )


def allowing(count: int, name: str = "pdb", **status: Any) -> PodDisruptionBudget:
    """A budget that was looked at and allows so many disruptions."""
    told = {"status_observed_generation": 1, "status_disruptions_allowed": count, **status}
    return budget(name, min_available=1, **told)


def pods(count: int, owner: Object | None = None, *, first: int = 0, **how: Any) -> list[Pod]:
    return [pod(f"p{n}", owner, **how) for n in range(first, first + count)]


def status_of(plan: Plan) -> PodDisruptionBudgetStatus:
    (written,) = [action.object for action in plan.actions if isinstance(action, SetStatus)]
    assert isinstance(written, PodDisruptionBudget)
    return written.status


def numbers(plan: Plan) -> tuple[int, int, int, int]:
    """Expected, healthy, desired, allowed."""
    status = status_of(plan)
    return status.expected_pods, status.current_healthy, status.desired_healthy, status.disruptions_allowed


SET = replica_set(replicas=5)
DEPLOYED = replica_set(replicas=5, owner=deployment(7))


@pytest.mark.parametrize(
    ("spec", "objects", "counted"),
    [
        pytest.param({"min_available": 2}, pods(3), (3, 3, 2, 1), id="a number needs no controller"),
        pytest.param({"min_available": 0}, pods(3), (3, 3, 0, 3), id="none must stay"),
        pytest.param({"min_available": 5}, pods(3), (3, 3, 5, 0), id="more must stay than there are"),
        pytest.param({"min_available": 1}, [], (0, 0, 1, 0), id="no pods"),
        pytest.param({"max_unavailable": 1}, [SET, *pods(5, SET)], (5, 5, 4, 1), id="of what the ReplicaSet wants"),
        pytest.param({"max_unavailable": 1}, [SET, *pods(3, SET)], (5, 3, 4, 0), id="not of what is there"),
        pytest.param({"max_unavailable": 9}, [SET, *pods(5, SET)], (5, 5, 0, 5), id="more than there are may go"),
        pytest.param({"max_unavailable": "30%"}, [SET, *pods(5, SET)], (5, 5, 3, 2), id="a share that may miss, up"),
        pytest.param({"min_available": "50%"}, [SET, *pods(5, SET)], (5, 5, 3, 2), id="a share that must stay, up"),
        pytest.param({"min_available": "100%"}, [SET, *pods(5, SET)], (5, 5, 5, 0), id="all must stay"),
        pytest.param({"max_unavailable": "0%"}, [SET, *pods(5, SET)], (5, 5, 5, 0), id="none may miss"),
        pytest.param({"max_unavailable": 2}, [deployment(7), DEPLOYED, *pods(5, DEPLOYED)], (7, 5, 5, 0),
                     id="a Deployment decides for its ReplicaSets"),
        pytest.param({"min_available": 1}, [*pods(2), pod("sick", is_ready=False)], (3, 2, 1, 1),
                     id="who is not ready is not healthy"),
        pytest.param({"min_available": 1}, [*pods(2), ending(pod("going"))], (3, 2, 1, 1),
                     id="who is being deleted is not healthy"),
        pytest.param({"min_available": 1, "status_disrupted_pods": {"p0": ago(10)}}, pods(3), (3, 2, 1, 1),
                     id="whose eviction was allowed is not healthy"),
        pytest.param({"min_available": 1, "status_disrupted_pods": {"p0": ago(121)}}, pods(3), (3, 3, 1, 2),
                     id="who was not deleted in two minutes counts again"),
        pytest.param({"min_available": 1, "status_disrupted_pods": {"p0": ago(10)}}, pods(3, age_s=5), (3, 3, 1, 2),
                     id="a younger pod of the same name is another one"),
        pytest.param({}, [SET, *pods(5, SET)], (0, 5, 0, 0), id="a budget that says nothing allows nothing"),
        pytest.param({"min_available": 1, "selector": None}, pods(3), (0, 0, 1, 0), id="no selector, no pods"),
        pytest.param({"min_available": 1, "selector": LabelSelector()}, [*pods(2), pod("x", labels={})], (3, 3, 1, 2),
                     id="an empty selector means all"),
        pytest.param({"max_unavailable": 1}, [SET, *pods(5, SET), pod("alone")], (5, 6, 4, 2),
                     id="pods of nobody are healthy and not expected"),
    ],
)  # fmt: skip
def test_counts(spec: dict[str, Any], objects: list[Object], counted: tuple[int, ...]) -> None:
    assert numbers(plan_for(DisruptionController(), budget(**spec), *objects)) == counted


@pytest.mark.parametrize(
    ("objects", "problem"),
    [
        pytest.param([*pods(1, SET)], 'found no controllers for pod "p0"', id="the controller is gone"),
        pytest.param([pod("p", budget("odd"))], "poddisruptionbudgets.policy does not implement the scale subresource",
                     id="the controller has no scale"),
    ],
)  # fmt: skip
def test_what_cannot_be_counted_allows_nothing(objects: list[Object], problem: str) -> None:
    held = budget(max_unavailable=1, status_disruptions_allowed=3)
    extra = [budget("odd", selector=None)]
    plan = plan_for(DisruptionController(), held, *extra, *objects)
    status = status_of(plan)
    assert status.disruptions_allowed == 0
    (condition,) = status.conditions
    assert (condition.type, condition.status, condition.reason) == ("DisruptionAllowed", "False", "SyncFailed")
    assert condition.message == problem
    (told,) = [action for action in plan.actions if isinstance(action, Emit)]
    assert told.reason == "CalculateExpectedPodCountFailed"


@pytest.mark.parametrize(
    ("ready", "status", "reason"),
    [pytest.param(3, "True", "SufficientPods", id="enough"), pytest.param(2, "False", "InsufficientPods", id="short")],
)
def test_condition(ready: int, status: str, reason: str) -> None:
    plan = plan_for(DisruptionController(), budget(min_available=2), *pods(ready))
    (condition,) = status_of(plan).conditions
    assert (condition.type, condition.status, condition.reason) == ("DisruptionAllowed", status, reason)
    assert status_of(plan).observed_generation == condition.observed_generation == 1


def test_an_allowed_disruption_is_remembered_until_the_deletion_is_seen() -> None:
    disrupted = {"p0": ago(10), "p1": ago(20), "elsewhere": ago(1), "p2": ago(300)}
    going = [pod("p0"), ending(pod("p1")), pod("p2")]
    plan = plan_for(DisruptionController(), budget(min_available=1, status_disrupted_pods=disrupted), *going)
    assert status_of(plan).disrupted_pods == {"p0": ago(10)}
    assert plan.requeue_after_s == 110
    (told,) = [action for action in plan.actions if isinstance(action, Emit)]
    assert (told.object.metadata.name, told.reason) == ("p2", "NotDeleted")
    assert told.message == "Pod was expected by PDB default/pdb to be deleted but it wasn't"


def test_events_are_told_once() -> None:
    world = World(budget(max_unavailable=1), controllers=(DisruptionController(),))
    world.settle()
    assert [event.reason for event in world.events] == ["NoPods"]
    world.put(pod("alone"))
    world.settle()
    assert [event.reason for event in world.events] == ["NoPods", "UnmanagedPods"]
    world.assert_fixpoint()


def test_the_status_follows_pods_and_their_controllers() -> None:
    world = World(budget(max_unavailable=1), SET, *pods(5, SET), controllers=(DisruptionController(),))

    def allowed() -> int:
        world.settle()
        return world.all(PodDisruptionBudget)[0].status.disruptions_allowed

    assert allowed() == 1
    world.put(pod("p0", SET, is_ready=False))
    assert allowed() == 0
    world.remove(pod("p0", SET))
    assert allowed() == 0
    world.put(pod("p5", SET))
    assert allowed() == 1
    world.update(SET, **{"spec.replicas": 9})
    assert allowed() == 0
    world.update(SET, **{"spec.replicas": 5})
    world.update(world.all(PodDisruptionBudget)[0], **{"spec.max_unavailable": 0})
    assert allowed() == 0
    world.put(pod("p1", SET, labels={"app": "other"}))
    world.update(world.all(PodDisruptionBudget)[0], **{"spec.max_unavailable": 2})
    assert allowed() == 1
    world.assert_fixpoint()


SICK: dict[str, Any] = {"is_ready": False}
FULL = {"status_desired_healthy": 2, "status_current_healthy": 2}


@pytest.mark.parametrize(
    ("one", "budgets", "verdict"),
    [
        pytest.param(pod("p"), [], "free", id="no budget"),
        pytest.param(pod("p"), [allowing(1)], "spent", id="one is allowed"),
        pytest.param(pod("p"), [allowing(0, **FULL)],
                     "The disruption budget pdb needs 2 healthy pods and has 2 currently", id="none is allowed"),
        pytest.param(pod("p"), [budget(min_available=1)],
                     "The disruption budget pdb is still being processed by the server.", id="nobody has counted yet"),
        pytest.param(pod("p"), [evolve(allowing(1), **{"metadata.generation": 2})],
                     "The disruption budget pdb is still being processed by the server.", id="counted for an old spec"),
        pytest.param(pod("p"), [allowing(-1)], "pdb disruptions allowed is negative", id="less than none"),
        pytest.param(pod("p"), [allowing(1, status_disrupted_pods={str(n): ago(1) for n in range(2001)})],
                     "DisruptedPods map too big - too many evictions not confirmed by PDB controller", id="crowded"),
        pytest.param(pod("p"), [allowing(1), allowing(1, "too")],
                     "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                     id="two budgets"),
        pytest.param(pod("p", phase="Pending", **SICK), [allowing(0)], "free", id="who does not run is not missed"),
        pytest.param(pod("p", phase="Failed", **SICK), [allowing(0), allowing(0, "too")], "free", id="nor who failed"),
        pytest.param(ending(pod("p")), [allowing(0)], "free", id="nor who is going"),
        pytest.param(pod("p", **SICK), [allowing(0, **FULL)], "trusted", id="the sick may go while enough are healthy"),
        pytest.param(pod("p", **SICK), [allowing(0, **{**FULL, "status_current_healthy": 1})],
                     "The disruption budget pdb needs 2 healthy pods and has 1 currently", id="not while too few are"),
        pytest.param(pod("p", **SICK), [evolve(allowing(0), **{"spec.unhealthy_pod_eviction_policy": "AlwaysAllow"})],
                     "trusted", id="unless the budget lets them always"),
        pytest.param(pod("p"), [evolve(allowing(0), **{"spec.unhealthy_pod_eviction_policy": "AlwaysAllow"})],
                     "The disruption budget pdb needs 0 healthy pods and has 0 currently", id="which is for the sick"),
        pytest.param(pod("p"), [allowing(0, status_disrupted_pods={"p": ago(5)})], "trusted",
                     id="who was counted is not counted twice"),
        pytest.param(pod("p", age_s=1), [allowing(1, status_disrupted_pods={"p": ago(5)})], "spent",
                     id="a younger one of the name is"),
    ],
)  # fmt: skip
def test_judgement(one: Pod, budgets: list[PodDisruptionBudget], verdict: str) -> None:
    judgement = judge(one, budgets, NOW)
    told = judgement.refusal.message if judgement.refusal else ""
    if judgement.allowed:
        told = "spent" if judgement.spent else "trusted" if judgement.trusted else "free"
    assert told == verdict


def test_what_is_spent_stands_in_the_budget() -> None:
    spent = judge(pod("p"), [allowing(1)], NOW).spent
    assert spent is not None
    assert spent.status.disruptions_allowed == 0
    assert spent.status.disrupted_pods == {"p": NOW}
    assert [c.reason for c in spent.status.conditions] == ["InsufficientPods"]
    after = judge(pod("q"), [spent], NOW).refusal
    assert after is not None and after.why == "spent"


def test_the_controller_agrees_with_what_was_spent() -> None:
    """Counting again before the deletion is seen gives back nothing."""
    counted = status_of(plan_for(DisruptionController(), budget(min_available=2), *pods(3)))
    spent = judge(pod("p0"), [evolve(budget(min_available=2), status=counted)], NOW).spent
    assert spent is not None
    again = status_of(plan_for(DisruptionController(), spent, *pods(3)))
    assert (again.current_healthy, again.disruptions_allowed, again.disrupted_pods) == (2, 0, {"p0": NOW})


@pytest.mark.parametrize(
    ("selector", "labels", "chosen"),
    [
        pytest.param(WEB, {"app": "web", "tier": "x"}, True, id="label"),
        pytest.param(WEB, {"app": "db"}, False, id="another value"),
        pytest.param(LabelSelector(match_labels={"app": "web", "tier": "x"}), {"app": "web"}, False, id="one of two"),
        pytest.param(LabelSelector(), {}, True, id="empty"),
        pytest.param(None, {"app": "web"}, False, id="none"),
        pytest.param(LabelSelector(match_expressions=(LabelSelectorRequirement(key="app", operator="Exists"),)),
                     {"app": "db"}, True, id="expression"),
    ],
)  # fmt: skip
def test_budgets_of_a_pod(selector: LabelSelector | None, labels: dict[str, str], chosen: bool) -> None:
    mirror = Mirror.of(budget(min_available=1, selector=selector))
    assert bool(budgets_of(mirror, pod("p", labels=labels))) is chosen
    elsewhere = evolve(pod("p", labels=labels), **{"metadata.namespace": "elsewhere"})
    assert not budgets_of(mirror, elsewhere)


def test_a_budget_is_found_by_its_newest_selector() -> None:
    mirror = Mirror.of(
        budget(min_available=1), budget(min_available=1, selector=LabelSelector(match_labels={"a": "b"}))
    )
    assert not budgets_of(mirror, pod("p"))
    assert [b.metadata.name for b in budgets_of(mirror, pod("p", labels={"a": "b"}))] == ["pdb"]


def test_allowance_of_a_set_of_victims() -> None:
    mirror = Mirror.of(allowing(1, status_disrupted_pods={"gone": NOW - timedelta(seconds=1)}))
    allowance = Allowance(mirror)
    assert [allowance.take(pod(name)) for name in ("gone", "a", "b")] == [True, True, False]
    assert allowance.take(pod("free", labels={}))
