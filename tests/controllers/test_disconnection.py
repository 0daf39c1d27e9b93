"""Pods on nodes that are cut off: when they leave, when they are removed, and which one goes on afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.node_eviction import NodeEvictionController
from control_plane.controllers.node_lifecycle import NodeLifecycleController
from control_plane.controllers.pod_gc import NodePodsGarbage
from control_plane.controllers.pods import is_active
from control_plane.controllers.reconnection import PATIENCE_S, is_disconnected
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.controllers.stateful_set import StatefulSetController
from control_plane.controllers.taint_eviction import TaintEvictionController
from control_plane.controllers.taints import leaves_at
from control_plane.plan import Key
from proto.objects.apps import ReplicaSet
from proto.objects.core import Node, Taint
from proto.objects.meta import Condition, OwnerReference, evolve, with_condition
from proto.objects.pod import DisconnectPolicy, Pod, Toleration
from proto.objects.stateful_set import StatefulSet
from tests.controllers.builders import NOW, acts, ago, ending, in_, namespace, node, plan_for, pod, ready, replica_set
from tests.controllers.nodes import Machines
from tests.controllers.stateful_sets import stateful_set
from tests.controllers.world import World

CUT = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute", time_added=ago(10))
BY_HAND = Taint(key="acme.com/away", effect="NoExecute", time_added=ago(1))
FOR_A_MINUTE = Toleration(operator="Exists", toleration_seconds=60)
ALWAYS = Toleration(operator="Exists")


def owned(kind: str = "StatefulSet", *tolerations: Toleration, name: str = "p", **policy: Any) -> Pod:
    owner = OwnerReference(api_version="apps/v1", kind=kind, name="o", uid="uid-o", controller=True)
    said = DisconnectPolicy(**policy) if policy else None
    return pod(name, tolerations=tolerations, **{"metadata.owner_references": (owner,), "spec.disconnect": said})


def cut_off(since_grant_s: int | None = None, *taints: Taint) -> Node:
    return node("n1", "Unknown", *(taints or (CUT,)), **{"status.since_grant_seconds": since_grant_s})


@pytest.mark.parametrize(
    ("one", "where", "at"),
    [
        pytest.param(owned("ReplicaSet"), cut_off(), NOW, id="others leave at once"),
        pytest.param(owned("ReplicaSet", replace_after_seconds=30), cut_off(), in_(20), id="or after replaceAfter"),
        pytest.param(owned("ReplicaSet", FOR_A_MINUTE, replace_after_seconds=30), cut_off(), in_(50),
                     id="the longer counts: tolerationSeconds"),
        pytest.param(owned("ReplicaSet", FOR_A_MINUTE, replace_after_seconds=90), cut_off(), in_(80),
                     id="the longer counts: replaceAfterSeconds"),
        pytest.param(owned("ReplicaSet", ALWAYS, replace_after_seconds=30), cut_off(), None, id="who tolerates stays"),
        pytest.param(owned(), cut_off(), None, id="one that must be one waits for the fence"),
        pytest.param(owned(), cut_off(17), NOW, id="and leaves then"),
        pytest.param(owned(replace_after_seconds=60), cut_off(17), in_(50), id="or later, if asked for"),
        pytest.param(owned(stop_after_seconds=60), cut_off(17), None, id="it may run longer than the lease"),
        pytest.param(owned(stop_after_seconds=60), cut_off(62), NOW, id="until it is certain to have stopped"),
        pytest.param(owned("ReplicaSet", stop_after_seconds=20), cut_off(17), None, id="whoever says so is waited for"),
        pytest.param(owned(), cut_off(None, CUT, BY_HAND), NOW, id="a person's taint is not waited with"),
        pytest.param(owned("ReplicaSet", replace_after_seconds=30), cut_off(None, BY_HAND), NOW, id="nor is it later"),
    ],
)  # fmt: skip
def test_leaves_at(one: Pod, where: Node, at: object) -> None:
    assert leaves_at(one, where, NOW) == at


@pytest.mark.parametrize(
    ("one", "where", "gone"),
    [
        pytest.param(ending(owned()), cut_off(17), True, id="certain to have stopped"),
        pytest.param(ending(owned()), cut_off(), False, id="not certain yet"),
        pytest.param(owned(), cut_off(17), False, id="not terminating: its node might start it again"),
        pytest.param(ending(owned("ReplicaSet")), cut_off(10_000), False, id="never stopped by its node"),
        pytest.param(ending(owned(stop_after_seconds=60)), cut_off(17), False, id="allowed to run longer"),
        pytest.param(ending(owned()), evolve(cut_off(17), **{"status.conditions": (ready(),)}), False,
                     id="the node is back"),
    ],
)  # fmt: skip
def test_removed_by_force(one: Pod, where: Node, gone: bool) -> None:
    expected = [("Delete", "p", "node_fenced")] if gone else []
    assert acts(plan_for(NodePodsGarbage(), one, where, key=Key("", "n1"))) == expected


CONTROLLERS = (NodeLifecycleController(), NodeEvictionController(), TaintEvictionController(), NodePodsGarbage())


def fence(world: World, name: str, since_grant_s: int) -> None:
    """What the hub writes."""
    stored = world.truth.get(Node, "", name)
    assert stored is not None
    world.put(evolve(stored, **{"status.since_grant_seconds": since_grant_s}))


def test_a_stateful_pod_moves_when_its_node_is_fenced_and_not_before() -> None:
    world = World(namespace(), controllers=(*CONTROLLERS, StatefulSetController()))
    machines = Machines(world, "n1", "n2", "n3")
    world.put(stateful_set(1))
    settle(world, machines)
    (first,) = world.all(Pod)

    machines.lose(first.spec.node_name)
    settle(world, machines)
    assert [each.metadata.uid for each in world.all(Pod)] == [first.metadata.uid]
    assert not world.all(Pod)[0].deleting

    fence(world, first.spec.node_name, 17)
    settle(world, machines)
    (second,) = world.all(Pod)
    assert (second.metadata.name, second.metadata.uid != first.metadata.uid) == (first.metadata.name, True)
    assert second.spec.node_name not in ("", first.spec.node_name)
    assert world.all(StatefulSet)[0].status.replicas == 1


def settle(world: World, machines: Machines) -> None:
    """Let controllers and machines work until neither has anything to do."""
    while True:
        world.settle()
        if not machines.work():
            return


def reconnection(choice: str) -> tuple[World, Machines, Pod]:
    """A ReplicaSet of two whose first pod's node was cut off, so that it was replaced; the original."""
    world = World(namespace(), controllers=(*CONTROLLERS, ReplicaSetController()))
    machines = Machines(world, "n1", "n2", "n3")
    made = replica_set("v1", 2)
    world.put(evolve(made, **{"spec.template.spec.disconnect": DisconnectPolicy(on_reconnect=choice)}))  # type: ignore[arg-type]
    settle(world, machines)
    world.advance(100)
    original = min(world.all(Pod), key=lambda each: each.metadata.name)
    machines.lose(original.spec.node_name)
    settle(world, machines)
    world.advance(20)
    world.settle()
    return world, machines, original


def running(world: World) -> set[str]:
    return {each.metadata.uid for each in world.all(Pod) if is_active(each)}


def back(world: World, machines: Machines, original: Pod) -> None:
    """Its node is back, and tells that the original was ready all the time."""
    machines.find(original.spec.node_name)
    stored = world.truth.get(Pod, *original.key)
    assert stored is not None
    told = Condition(type="Ready", status="True", last_transition_time=original.metadata.creation_timestamp)
    world.put(evolve(stored, **{"status.conditions": with_condition(stored.status.conditions, told)}))


@pytest.mark.parametrize("choice", ["keepOriginal", "keepBest"])
def test_an_original_is_put_aside_and_kept(choice: str) -> None:
    world, machines, original = reconnection(choice)
    aside = [each.metadata.uid for each in world.all(Pod) if is_disconnected(each)]
    assert aside == [original.metadata.uid]
    assert len(running(world)) == 3
    assert world.all(ReplicaSet)[0].status.replicas == 2

    back(world, machines, original)
    settle(world, machines)
    assert len(running(world)) == 2
    assert original.metadata.uid in running(world)
    world.assert_fixpoint()


def test_the_best_is_the_one_that_is_ready_for_longest() -> None:
    world, machines, original = reconnection("keepBest")
    machines.find(original.spec.node_name)
    world.settle()
    assert original.metadata.uid in running(world)
    machines.set_ready(next(each for each in world.all(Pod) if each.key == original.key), "True")
    # A machine that is found again tells of other conditions only; the mark is the control plane's.
    world.put(disconnected_again(world, original))
    settle(world, machines)
    assert original.metadata.uid not in running(world)
    assert len(running(world)) == 2


def disconnected_again(world: World, original: Pod) -> Pod:
    stored = world.truth.get(Pod, *original.key)
    assert stored is not None
    mark = Condition(type="Disconnected", status="True", reason="NodeUnreachable", last_transition_time=ago(20))
    return evolve(stored, **{"status.conditions": with_condition(stored.status.conditions, mark)})


def test_an_original_that_does_not_get_ready_is_given_up() -> None:
    world, machines, original = reconnection("keepOriginal")
    machines.broken.add("v1")
    machines.find(original.spec.node_name)
    settle(world, machines)
    assert original.metadata.uid in running(world)
    world.advance(PATIENCE_S + 1)
    settle(world, machines)
    assert original.metadata.uid not in running(world)
    assert len(running(world)) == 2


def test_the_default_deletes_the_original_at_once() -> None:
    world, _, original = reconnection("keepReplacement")
    assert original.metadata.uid not in running(world)
    assert len(running(world)) == 2


def test_only_pods_of_replica_sets_are_kept() -> None:
    made = owned("Job", on_reconnect="keepOriginal")
    assert acts(plan_for(TaintEvictionController(), made, cut_off(), key=Key("", "n1"))) == [
        ("Delete", "p", "taint_not_tolerated")
    ]


def test_a_pod_put_aside_is_not_put_aside_again() -> None:
    made = owned("ReplicaSet", on_reconnect="keepBest")
    mark = Condition(type="Disconnected", status="True", last_transition_time=NOW)
    aside = evolve(made, **{"status.conditions": (*made.status.conditions, mark)})
    assert acts(plan_for(TaintEvictionController(), aside, cut_off(), key=Key("", "n1"))) == []
