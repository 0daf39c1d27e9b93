"""Nodes that leave politely: who is evicted, how budgets are spent on it, and that all leave in the end."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.disruption import DisruptionController
from control_plane.controllers.node_leaving import NodeLeavingController
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.plan import Delete, Key, Plan, SetStatus
from proto.leaving import LEAVING, UNCORDON_AT_RETURN
from proto.objects.core import Node
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import Object, ObjectMeta, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget
from tests.controllers.builders import ending, namespace, node, plan_for, pod, ready, replica_set
from tests.controllers.test_disruption import allowing, budget
from tests.controllers.world import World

LEAVES: dict[str, Any] = {"metadata.labels": {LEAVING: UNCORDON_AT_RETURN}, "spec.unschedulable": True}
DAEMONS = DaemonSet(metadata=ObjectMeta(name="agents", namespace="default", uid="uid-agents"))


def evicted(plan: Plan) -> list[tuple[str, bool]]:
    """Names, and whether only that revision may go."""
    return [(a.object.metadata.name, a.at_revision) for a in plan.actions if isinstance(a, Delete)]


@pytest.mark.parametrize(
    ("objects", "gone"),
    [
        pytest.param([node("n1", **LEAVES), pod("a"), pod("b")], [("a", False), ("b", False)], id="all leave"),
        pytest.param([node("n1"), pod("a")], [], id="of a node that stays nobody"),
        pytest.param([pod("a")], [], id="nor of one that is gone"),
        pytest.param([node("n1", **LEAVES), pod("a", node="n2")], [], id="nor of others"),
        pytest.param([node("n1", **LEAVES), pod("a", DAEMONS), DAEMONS], [], id="a daemon belongs to the node"),
        pytest.param([node("n1", **LEAVES), pod("a", phase="Succeeded")], [], id="what has finished stays as it is"),
        pytest.param([node("n1", **LEAVES), ending(pod("a"))], [], id="who is going is not asked again"),
        pytest.param([node("n1", **LEAVES), pod("a"), pod("b"), allowing(1)], [("a", False)], id="a budget allows one"),
        pytest.param([node("n1", **LEAVES), pod("a"), allowing(0)], [], id="or none"),
        pytest.param([node("n1", **LEAVES), pod("a"), budget(min_available=0)], [], id="one that nobody counted none"),
        pytest.param([node("n1", **LEAVES), pod("a", is_ready=False),
                      allowing(0, status_desired_healthy=2, status_current_healthy=2)], [("a", True)],
                     id="the sick may go as they are"),
    ],
)  # fmt: skip
def test_who_leaves(objects: list[Object], gone: list[tuple[str, bool]]) -> None:
    assert evicted(plan_for(NodeLeavingController(), *objects, key=Key("", "n1"))) == gone


def test_budgets_are_written_before_anyone_goes() -> None:
    objects = [node("n1", **LEAVES), pod("a"), pod("b"), pod("c"), allowing(2)]
    plan = plan_for(NodeLeavingController(), *objects, key=Key("", "n1"))
    first, *rest = plan.actions
    assert isinstance(first, SetStatus) and isinstance(first.object, PodDisruptionBudget)
    assert (first.object.status.disruptions_allowed, sorted(first.object.status.disrupted_pods)) == (0, ["a", "b"])
    assert [action.object.metadata.name for action in rest if isinstance(action, Delete)] == ["a", "b"]
    assert plan.requeue_after_s is not None, "c is refused"


def test_all_leave_in_the_end_and_the_budget_is_kept() -> None:
    """The node's pods end, others are made and get ready elsewhere; never are fewer healthy than the budget says."""
    owner = replica_set(replicas=4)
    world = World(
        namespace(), node("n1"), node("n2"), owner, budget(max_unavailable=1),
        *(pod(f"web-v1-{n}", owner) for n in range(4)),
        controllers=(DisruptionController(), NodeLeavingController(), ReplicaSetController()),
    )  # fmt: skip

    def machines_work() -> bool:
        for held in world.all(Pod):
            if held.deleting:
                assert find_condition(held.status.conditions, "DisruptionTarget"), held
                world.remove(held)
                return True
            if not held.spec.node_name:
                changes = {"spec.node_name": "n2", "status.phase": "Running", "status.conditions": (ready(),)}
                world.put(evolve(held, **changes))
                return True
        return False

    def keep_watch(action: object) -> None:
        pods = world.all(Pod)
        assert sum(not pod.deleting and bool(find_condition(pod.status.conditions, "Ready")) for pod in pods) >= 3

    world.on_action = keep_watch
    world.settle(machines_work)
    leaving = world.truth.get(Node, "", "n1")
    assert leaving is not None
    world.put(evolve(leaving, **LEAVES))
    world.settle(machines_work)
    assert {pod.spec.node_name for pod in world.all(Pod)} == {"n2"}
    assert len(world.all(Pod)) == 4
    world.assert_fixpoint()
