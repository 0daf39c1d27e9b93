"""Namespaces end empty; Events end old."""

from __future__ import annotations

import pytest

from control_plane.controllers import ALL
from control_plane.controllers.event_gc import EventGarbageController
from control_plane.controllers.namespace import NamespaceController
from control_plane.plan import Delete, Key, Plan, SetStatus, Update
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.core import ConfigMap, Event, Namespace
from proto.objects.meta import ObjectMeta, evolve, find_condition
from proto.objects.pod import Pod
from tests.controllers.builders import acts, ago, deployment, ending, namespace, node, plan_for, pod, replica_set
from tests.controllers.nodes import Machines
from tests.controllers.world import World

CONTROLLER = NamespaceController()
GOING = ending(namespace(), 0)
SETTINGS = ConfigMap(metadata=ObjectMeta(name="settings", namespace="default", uid="uid-settings"))


def test_a_namespace_that_stays_is_left_alone() -> None:
    assert plan_for(CONTROLLER, namespace(), SETTINGS) == Plan()


def test_workloads_go_before_what_they_would_make_again() -> None:
    plan = plan_for(CONTROLLER, GOING, pod("p"), replica_set(), deployment(), SETTINGS)
    assert [a.object.KIND for a in plan.actions if isinstance(a, Delete)][:2] == ["Deployment", "ReplicaSet"]
    assert sum(isinstance(a, Delete) for a in plan.actions) == 4


def test_what_is_going_already_is_waited_for() -> None:
    plan = plan_for(CONTROLLER, GOING, ending(pod("p", **{"metadata.finalizers": ("acme.com/hold",)})))
    (told,) = plan.actions
    assert isinstance(told, SetStatus)
    assert isinstance(told.object, Namespace)
    remaining = find_condition(told.object.status.conditions, "NamespaceContentRemaining")
    held = find_condition(told.object.status.conditions, "NamespaceFinalizersRemaining")
    assert remaining is not None
    assert held is not None
    assert remaining.message == "Some resources are remaining: pods has 1 resource instances"
    assert held.message == (
        "Some content in the namespace has finalizers remaining: acme.com/hold in 1 resource instances"
    )
    again = plan_for(CONTROLLER, told.object, ending(pod("p", **{"metadata.finalizers": ("acme.com/hold",)})))
    assert again == Plan()


def test_an_empty_one_is_let_go() -> None:
    plan = plan_for(CONTROLLER, GOING, evolve(SETTINGS, **{"metadata.namespace": "other"}))
    (update,) = plan.actions
    assert isinstance(update, Update)
    assert isinstance(update.object, Namespace)
    assert update.object.spec.finalizers == ()


def test_others_finalizers_are_kept() -> None:
    held = evolve(GOING, **{"spec.finalizers": ("acme.com/hold", "kubernetes")})
    (update,) = plan_for(CONTROLLER, held).actions
    assert isinstance(update.object, Namespace)
    assert update.object.spec.finalizers == ("acme.com/hold",)
    assert plan_for(CONTROLLER, update.object) == Plan()


def test_a_flood_goes_in_bursts() -> None:
    many = [evolve(SETTINGS, **{"metadata.name": f"s{n}", "metadata.uid": f"uid-s{n}"}) for n in range(501)]
    plan = plan_for(CONTROLLER, GOING, *many)
    assert sum(isinstance(a, Delete) for a in plan.actions) == 500
    assert plan.requeue_after_s == 0


def test_a_namespace_full_of_work_ends() -> None:
    world = World(namespace(), node("n1"))
    machines = Machines(world, "n2")
    world.put(deployment(4))
    world.put(SETTINGS)
    world.settle(machines.work)
    assert len(world.all(Pod)) == 4
    world.delete(namespace())
    world.settle(machines.work)
    for kind in (Namespace, Deployment, ReplicaSet, Pod, ConfigMap):
        assert world.all(kind) == []
    world.assert_fixpoint()


def event(name: str, seen_s: float) -> Event:
    meta = ObjectMeta(name=name, namespace="default", uid=f"uid-{name}", creation_timestamp=ago(9999))
    return Event(metadata=meta, last_timestamp=ago(seen_s))


@pytest.mark.parametrize(
    ("events", "gone"),
    [
        pytest.param([], [], id="none"),
        pytest.param([event("young", 3599)], [], id="within the hour none"),
        pytest.param([event("young", 10), event("old", 3601)], ["old"], id="those not seen for an hour"),
    ],
)
def test_old_events_go(events: list[Event], gone: list[str]) -> None:
    plan = plan_for(EventGarbageController(), namespace(), *events)
    assert [name for _, name, _ in acts(plan)] == gone
    assert plan.requeue_after_s == 60


def test_many_old_events_go_in_batches() -> None:
    plan = plan_for(EventGarbageController(), namespace(), *(event(f"e{n}", 4000) for n in range(700)))
    assert len(plan.actions) == 500
    assert plan.requeue_after_s == 0


def test_a_namespace_that_is_gone_is_not_swept() -> None:
    assert plan_for(EventGarbageController(), node(), key=Key("", "gone")) == Plan()


def test_every_controller_has_a_name_of_its_own() -> None:
    names = [controller.name for controller in ALL]
    assert len(set(names)) == len(names)
