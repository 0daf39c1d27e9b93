"""Pods that nobody else would remove."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.pod_gc import ALL_PODS, FinishedPodsGarbage, NodePodsGarbage, UnboundPodsGarbage
from control_plane.plan import Delete, Key, Plan
from proto.objects.core import Taint
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from tests.controllers.builders import ending, namespace, node, plan_for, pod
from tests.controllers.world import World

HELD: dict[str, Any] = {"metadata.finalizers": ("acme.com/hold",)}
OUT = Taint(key="node.kubernetes.io/out-of-service", value="nodeshutdown", effect="NoExecute")


def removed(plan: Plan) -> list[tuple[str, str, bool]]:
    return [(a.object.metadata.name, a.reason, a.force) for a in plan.actions if isinstance(a, Delete)]


@pytest.mark.parametrize(
    ("objects", "gone"),
    [
        pytest.param((pod("p"), ending(pod("q"))), [("p", "node_gone", True), ("q", "node_gone", True)],
                     id="of a node that is gone all"),
        pytest.param((node("n1"), pod("p"), ending(pod("q"))), [], id="of a node that is there none"),
        pytest.param((node("n1", "Unknown"), ending(pod("q"))), [], id="not even if it is lost: it may come back"),
        pytest.param((node("n1", "Unknown", OUT), pod("p"), ending(pod("q"))), [("q", "node_out_of_service", True)],
                     id="of one out of service those that are ending"),
        pytest.param((node("n1", "True", OUT), ending(pod("q"))), [], id="but not while it is ready"),
        pytest.param((ending(pod("p", **HELD), 0),), [], id="what only finalizers hold is left to them"),
        pytest.param((pod("p", node="n2"),), [], id="pods of others are not touched"),
    ],
)  # fmt: skip
def test_pods_of_nodes(objects: tuple[Object, ...], gone: list[tuple[str, str, bool]]) -> None:
    assert removed(plan_for(NodePodsGarbage(), *objects, key=Key("", "n1"))) == gone


@pytest.mark.parametrize(
    ("one", "gone"),
    [
        pytest.param(ending(pod("p", node="")), True, id="terminating and never bound"),
        pytest.param(pod("p", node=""), False, id="waiting for a node"),
        pytest.param(ending(pod("p")), False, id="terminating on a node"),
        pytest.param(ending(pod("p", node="", **HELD), 0), False, id="held by a finalizer"),
    ],
)
def test_unbound_pods(one: Pod, gone: bool) -> None:
    assert bool(removed(plan_for(UnboundPodsGarbage(), one))) is gone


def finished(count: int) -> list[Pod]:
    return [pod(f"p{n}", phase="Failed" if n % 2 else "Succeeded", age_s=1000 - n) for n in range(count)]


def test_finished_pods_over_the_threshold_go_oldest_first() -> None:
    plan = plan_for(FinishedPodsGarbage(finished_max=3), pod("running"), *finished(5), key=ALL_PODS)
    assert [(name, force) for name, _, force in removed(plan)] == [("p0", False), ("p1", False)]
    assert plan.requeue_after_s == 30


def test_under_the_threshold_none_goes() -> None:
    plan = plan_for(FinishedPodsGarbage(finished_max=5), *finished(5), key=ALL_PODS)
    assert plan == Plan(requeue_after_s=30)


def test_a_flood_goes_in_bursts() -> None:
    plan = plan_for(FinishedPodsGarbage(finished_max=0), *finished(600), key=ALL_PODS)
    assert len(removed(plan)) == 500
    assert plan.requeue_after_s == 0


def test_a_deleted_node_takes_its_pods_along_and_a_bound_pod_finds_it_missing() -> None:
    world = World(namespace(), node("n1"), pod("p"), pod("q", node=""))
    world.settle()
    world.delete(node("n1"))
    world.settle()
    assert [each.metadata.name for each in world.all(Pod)] == ["q"]
    world.put(evolve(world.all(Pod)[0], **{"spec.node_name": "n1"}))
    world.settle()
    assert world.all(Pod) == []
