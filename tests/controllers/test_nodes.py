"""Nodes: from a verdict to taints, from taints to evictions, and the care taken when many are lost."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from control_plane.controllers.node_eviction import NodeEvictionController, Pace, pace
from control_plane.controllers.node_lifecycle import NodeLifecycleController
from control_plane.controllers.taint_eviction import TaintEvictionController
from control_plane.controllers.taints import evicted_at, tolerates
from control_plane.plan import Delete, Emit, Key, Plan, Update
from proto.objects.core import Node, Taint, TaintEffect
from proto.objects.meta import Condition, evolve
from proto.objects.pod import Pod, Toleration
from tests.controllers.builders import NOW, acts, ago, ending, in_, namespace, node, plan_for, pod
from tests.controllers.nodes import Machines
from tests.controllers.world import World

LIFECYCLE, EVICTION, TAINTS = NodeLifecycleController(), NodeEvictionController(), TaintEvictionController()
ALL_NODES = Key("", "")
CORDONED = node("n1", **{"spec.unschedulable": True})


def troubled(*conditions: str) -> Node:
    """A node that is heard, and tells of problems."""
    heard = node("n1")
    told = tuple(Condition(type=condition, status="True", reason="Trouble") for condition in conditions)
    return evolve(heard, **{"status.conditions": (*heard.status.conditions, *told)})


def taint(key: str, effect: TaintEffect = "NoSchedule", *, added: datetime | None = None, value: str = "") -> Taint:
    return Taint(key=key if "/" in key else f"node.kubernetes.io/{key}", effect=effect, time_added=added, value=value)


def tainted(plan: Plan) -> list[tuple[str, str]]:
    (update,) = (a for a in plan.actions if isinstance(a, Update))
    assert isinstance(update.object, Node)
    return [(each.key.removeprefix("node.kubernetes.io/"), each.effect) for each in update.object.spec.taints]


@pytest.mark.parametrize(
    ("one", "taints"),
    [
        pytest.param(node("n1", "Unknown"), [("unreachable", "NoSchedule")], id="a lost node takes no pods"),
        pytest.param(node("n1", "False"), [("not-ready", "NoSchedule")], id="nor one that is not ready"),
        pytest.param(node("n1", "Never"), [("not-ready", "NoSchedule")], id="nor one that was never heard of"),
        pytest.param(node("n1", ""), [("not-ready", "NoSchedule")], id="nor one that nobody judged yet"),
        pytest.param(CORDONED, [("unschedulable", "NoSchedule")], id="nor a cordoned one"),
        pytest.param(troubled("ContainerRuntimeUnhealthy"), [("setpoint.dev/runtime-unhealthy", "NoSchedule")],
                     id="nor one whose runtime does not answer"),
        pytest.param(troubled("StateDirectoryUnwritable"), [("setpoint.dev/state-unwritable", "NoSchedule")],
                     id="nor one that can keep nothing"),
        pytest.param(node("n1", "True", taint("setpoint.dev/state-unwritable")), [],
                     id="one whose trouble is over loses its taint"),
        pytest.param(troubled("MemoryPressure", "DiskPressure", "PIDPressure"),
                     [("memory-pressure", "NoSchedule"), ("disk-pressure", "NoSchedule"),
                      ("pid-pressure", "NoSchedule")], id="nor one that is short of something"),
        pytest.param(node("n1", "True", taint("memory-pressure")), [], id="one that has enough again loses its taint"),
        pytest.param(node("n1", "True", taint("unreachable"), taint("unreachable", "NoExecute")), [],
                     id="one that is back loses both taints"),
        pytest.param(node("n1", "True", taint("not-ready")), [], id="one that registered loses its taint"),
        pytest.param(node("n1", "True", taint("unschedulable")), [], id="an uncordoned one too"),
        pytest.param(node("n1", "Unknown", taint("not-ready"), taint("not-ready", "NoExecute")),
                     [("unreachable", "NoSchedule")], id="another verdict is another taint"),
        pytest.param(node("n1", "True", taint("acme.com/gpu"), taint("unreachable")), [("acme.com/gpu", "NoSchedule")],
                     id="people's taints are kept"),
        pytest.param(node("n1", "True", taint("acme.com/off", "NoExecute")), [("acme.com/off", "NoExecute")],
                     id="people's NoExecute taints get a date"),
    ],
)  # fmt: skip
def test_a_verdict_becomes_taints(one: Node, taints: list[tuple[str, str]]) -> None:
    assert tainted(plan_for(LIFECYCLE, one)) == taints


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(node("n1"), id="a ready node"),
        pytest.param(node("n1", "Unknown", taint("unreachable")), id="a lost one that is tainted"),
        pytest.param(node("n1", "Unknown", taint("unreachable"), taint("unreachable", "NoExecute", added=NOW)),
                     id="a lost one that is being evicted"),
        pytest.param(node("n1", "Never", taint("not-ready")), id="a declared one that is tainted"),
    ],
)  # fmt: skip
def test_as_it_should_be_already(one: Node) -> None:
    assert plan_for(LIFECYCLE, one) == Plan()


@pytest.mark.parametrize(
    ("one", "events"),
    [
        pytest.param(node("n1", "Unknown"), ["NodeNotReady"], id="a loss"),
        pytest.param(node("n1", "True", taint("unreachable")), ["NodeReady"], id="a return"),
        pytest.param(node("n1", "Never"), [], id="a declaration is no news"),
        pytest.param(CORDONED, [], id="nor is a cordon"),
        pytest.param(troubled("MemoryPressure", "PIDPressure"), ["NodeHasInsufficientMemory", "NodeHasInsufficientPID"],
                     id="shortages"),
        pytest.param(node("n1", "True", taint("disk-pressure")), ["NodeHasNoDiskPressure"], id="the end of one"),
    ],
)  # fmt: skip
def test_people_are_told_of_a_verdict(one: Node, events: list[str]) -> None:
    assert [a.reason for a in plan_for(LIFECYCLE, one).actions if isinstance(a, Emit)] == events


def test_only_a_changed_verdict_or_spec_asks_for_a_pass() -> None:
    (watch,) = LIFECYCLE.watches
    busy = evolve(node(), **{"status.addresses": ()})
    assert not list(watch.keys(node(), busy, World().seen))
    assert list(watch.keys(node(), node("n1", "Unknown"), World().seen)) == [Key("", "n1")]
    assert list(watch.keys(None, node(), World().seen)) == [Key("", "n1")]
    assert list(watch.keys(node(), troubled("DiskPressure"), World().seen)) == [Key("", "n1")]


@pytest.mark.parametrize(
    ("known", "down", "expected"),
    [
        pytest.param(5, 1, Pace.AT_ONCE, id="one of five"),
        pytest.param(5, 2, Pace.AT_ONCE, id="two of five"),
        pytest.param(3, 2, Pace.AT_ONCE, id="two of three are few, if not a small share"),
        pytest.param(2, 1, Pace.AT_ONCE, id="one of two"),
        pytest.param(10, 3, Pace.COUNTED, id="three of ten"),
        pytest.param(100, 54, Pace.COUNTED, id="just under the share"),
        pytest.param(100, 55, Pace.SLOWED, id="at the share"),
        pytest.param(5, 3, Pace.SLOWED, id="three of five"),
        pytest.param(5, 5, Pace.STOPPED, id="all of five"),
        pytest.param(1, 1, Pace.STOPPED, id="the only one"),
    ],
)
def test_pace(known: int, down: int, expected: Pace) -> None:
    assert pace(known, down) is expected


def lost(number: int, since_s: float = 5, *, evicted_s: float | None = None) -> Node:
    taints = [taint("unreachable")]
    if evicted_s is not None:
        taints.append(taint("unreachable", "NoExecute", added=ago(evicted_s)))
    return node(f"lost{number}", "Unknown", *taints, since=ago(since_s))


def well(count: int) -> list[Node]:
    return [node(f"well{number}") for number in range(count)]


def back(since_s: float, name: str = "back") -> Node:
    return node(name, since=ago(since_s))


def evictions(plan: Plan) -> list[str]:
    return [a.object.metadata.name for a in plan.actions if isinstance(a, Update)]


@pytest.mark.parametrize(
    ("nodes", "evicted", "again_s"),
    [
        pytest.param([lost(1, 0), *well(4)], ["lost1"], None, id="one loss is answered at once"),
        pytest.param([lost(1, 0), lost(2, 0), *well(3)], ["lost1", "lost2"], None, id="two as well"),
        pytest.param(
            [lost(1, 1), lost(2, 0.4), lost(3, 0), *well(9)], ["lost1"], 0.6, id="of more each after a moment"
        ),
        pytest.param(
            [lost(1, 3), lost(2, 2), lost(3, 1), *well(2)], ["lost1"], 10, id="of most one, the longest silent"
        ),
        pytest.param(
            [lost(1, 30, evicted_s=4), lost(2, 20), lost(3, 20), *well(2)], [], 6, id="then one every ten seconds"
        ),
        pytest.param(
            [lost(1, 30, evicted_s=10), lost(2, 20), lost(3, 20), *well(2)], ["lost2"], 10, id="by name if equal"
        ),
        pytest.param([lost(1), lost(2), lost(3)], [], None, id="of all none"),
        pytest.param([lost(1, 0)], [], None, id="nor the only one"),
        pytest.param(
            [lost(1, 0), node("d1", "Never"), node("d2", "Never")], [], None, id="declared nodes are no company"
        ),
        pytest.param([node("n1", "Unknown"), *well(2)], [], None, id="none before it is closed to new pods"),
        pytest.param([lost(1, 30), lost(2, 29), back(1)], [], 4, id="all were, and one is back: the others may return"),
        pytest.param([lost(1, 30), lost(2, 29), back(5)], ["lost1", "lost2"], None, id="those who do not return"),
        pytest.param(
            [lost(1, 5), back(1), back(9, "never-lost")], ["lost1"], None, id="not all were, though one is back"
        ),
        pytest.param(well(3), [], None, id="nobody is lost"),
    ],
)
def test_evictions(nodes: list[Node], evicted: list[str], again_s: float | None) -> None:
    plan = plan_for(EVICTION, *nodes, key=ALL_NODES)
    assert evictions(plan) == evicted
    assert plan.requeue_after_s == (None if again_s is None else pytest.approx(again_s))


def test_an_eviction_is_a_dated_taint() -> None:
    plan = plan_for(EVICTION, lost(1, 0), *well(1), key=ALL_NODES)
    assert tainted(plan) == [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]
    (update,) = (a for a in plan.actions if isinstance(a, Update))
    assert isinstance(update.object, Node)
    assert update.object.spec.taints[1].time_added == NOW
    assert update.reason == "node_down_at_once"


def test_when_all_are_lost_evictions_are_called_off() -> None:
    plan = plan_for(EVICTION, lost(1, evicted_s=1), lost(2), key=ALL_NODES)
    assert tainted(plan) == [("unreachable", "NoSchedule")]
    assert acts(plan)[0][1:] == ("lost1", "stopped_all_lost")


def test_joining_nodes_do_not_ask_for_a_look_at_all() -> None:
    (watch,) = EVICTION.watches
    nowhere = World().seen
    assert not list(watch.keys(None, node(), nowhere))
    assert not list(watch.keys(node("n1", "Never"), node(), nowhere))
    assert not list(watch.keys(lost(1), evolve(lost(1), **{"status.addresses": ()}), nowhere))
    assert list(watch.keys(node("n1", "Unknown"), node(), nowhere)) == [ALL_NODES]
    assert list(watch.keys(lost(1), None, nowhere)) == [ALL_NODES]


# Tolerations


def toleration(
    key: str = "", operator: str = "Exists", value: str = "", effect: str = "", for_s: int | None = None
) -> Any:
    return Toleration(key=key, operator=operator, value=value, effect=effect, toleration_seconds=for_s)  # type: ignore[arg-type]


LOST = taint("unreachable", "NoExecute", added=ago(10))
GPU = taint("acme.com/gpu", "NoExecute", added=ago(100), value="a100")


@pytest.mark.parametrize(
    ("one", "that", "matches"),
    [
        pytest.param(toleration(), LOST, True, id="exists without a key matches everything"),
        pytest.param(toleration(LOST.key), LOST, True, id="exists matches its key"),
        pytest.param(toleration("other"), LOST, False, id="and no other"),
        pytest.param(toleration(LOST.key, effect="NoSchedule"), LOST, False, id="another effect does not match"),
        pytest.param(toleration(LOST.key, effect="NoExecute"), LOST, True, id="the same effect does"),
        pytest.param(toleration(GPU.key, "Equal", "a100"), GPU, True, id="equal matches its value"),
        pytest.param(toleration(GPU.key, "Equal", "h100"), GPU, False, id="and no other value"),
        pytest.param(toleration("", "Equal"), LOST, False, id="equal without a key matches nothing"),
    ],
)
def test_tolerates(one: Toleration, that: Taint, matches: bool) -> None:
    assert tolerates(one, that) is matches


@pytest.mark.parametrize(
    ("tolerations", "taints", "at"),
    [
        pytest.param((), (LOST,), NOW, id="without a toleration at once"),
        pytest.param((toleration(),), (LOST,), None, id="with one never"),
        pytest.param((toleration(for_s=30),), (LOST,), in_(20), id="seconds count from when the taint was added"),
        pytest.param((toleration(for_s=5),), (LOST,), ago(5), id="and may be over"),
        pytest.param((toleration(for_s=-3),), (LOST,), ago(10), id="negative seconds are none"),
        pytest.param((toleration(for_s=2**62),), (LOST,), in_(2**31 - 11), id="no calendar holds more"),
        pytest.param((toleration(LOST.key),), (LOST, GPU), NOW, id="every taint must be tolerated"),
        pytest.param((toleration(LOST.key, for_s=60), toleration(GPU.key, for_s=120)), (LOST, GPU), in_(20),
                     id="of several the earliest end counts"),
        pytest.param((toleration(LOST.key), toleration(for_s=1)), (LOST,), None, id="the first match counts"),
        pytest.param((toleration(for_s=5),), (taint("x", "NoExecute"),), in_(5), id="an undated taint counts from now"),
    ],
)  # fmt: skip
def test_evicted_at(tolerations: tuple[Toleration, ...], taints: tuple[Taint, ...], at: datetime | None) -> None:
    assert evicted_at(tolerations, taints, NOW) == at


def test_pods_leave_when_their_time_is_over() -> None:
    down = node("n1", "Unknown", LOST)
    pods = (
        pod("now"), pod("later", tolerations=(toleration(for_s=25),)), pod("stays", tolerations=(toleration(),)),
        pod("elsewhere", node="n2"), ending(pod("ending")), pod("finished", phase="Succeeded"),
    )  # fmt: skip
    plan = plan_for(TAINTS, down, *pods)
    deletions = [a for a in plan.actions if isinstance(a, Delete)]
    assert [(a.object.metadata.name, a.reason, a.force) for a in deletions] == [("now", "taint_not_tolerated", False)]
    assert plan.requeue_after_s == 15
    assert [a.reason for a in plan.actions if isinstance(a, Emit)] == ["TaintManagerEviction"]


def test_other_taints_evict_nobody() -> None:
    assert plan_for(TAINTS, node("n1", "True", taint("unreachable")), pod("p")) == Plan()


def test_a_pod_that_comes_to_a_tainted_node_asks_for_a_pass() -> None:
    watch = TAINTS.watches[1]
    seen = World(node("n1", "Unknown", LOST), node("n2")).truth
    assert list(watch.keys(pod("p", node=""), pod("p"), seen)) == [Key("", "n1")]
    assert not list(watch.keys(pod("p"), pod("p", is_ready=False), seen))
    assert not list(watch.keys(None, pod("p", node="n2"), seen))


# Together


def world_with(nodes: int) -> tuple[World, Machines]:
    world = World(namespace(), controllers=(LIFECYCLE, EVICTION, TAINTS))
    machines = Machines(world, *(f"n{number}" for number in range(nodes)))
    for number in range(nodes):
        world.put(pod(f"p{number}", node=f"n{number}"))
    world.settle()
    return world, machines


def going(world: World) -> set[str]:
    return {each.metadata.name for each in world.all(Pod) if each.deleting}


def test_a_lost_nodes_pods_go_within_the_same_instant() -> None:
    world, machines = world_with(5)
    machines.lose("n3")
    world.settle()
    assert going(world) == {"p3"}
    machines.find("n3")
    world.settle()
    assert machines.healthy() == world.all(Node)
    world.assert_fixpoint()


def test_when_everything_is_lost_together_at_most_two_are_given_up() -> None:
    world, machines = world_with(8)
    for number in range(8):
        machines.lose(f"n{number}")
        world.settle()
    for _ in range(60):
        world.advance(10)
        world.settle()
    assert going(world) == {"p0", "p1"}


def test_a_majority_lost_together_is_given_up_one_by_one() -> None:
    world, machines = world_with(10)
    for number in range(6):
        machines.lose(f"n{number}")
    world.settle()
    gone = [len(going(world))]
    for _ in range(5):
        world.advance(10)
        world.settle()
        gone.append(len(going(world)))
    assert gone == sorted(gone)
    assert max(after - before for before, after in pairwise(gone)) == 1
    assert gone[-1] < 6
