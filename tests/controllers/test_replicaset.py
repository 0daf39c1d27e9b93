"""ReplicaSet: as many pods as wanted, no more, whoever else acts meanwhile."""

from __future__ import annotations

import pytest

from control_plane.controllers.names import slot_name
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.plan import Create, Delete, Emit, Key, SetStatus, Update
from control_plane.store.mirror import Mirror
from proto.objects.apps import ReplicaSet
from proto.objects.meta import Object, evolve, find_condition
from proto.objects.pod import Pod
from tests.controllers.builders import NOW, acts, ago, deployment, ending, namespace, plan_for, pod, replica_set

CONTROLLER = ReplicaSetController()
RS = replica_set(replicas=3)


def name(slot: int) -> str:
    return slot_name("web-v1", "uid-v1", slot)


def held(slot: int, **changes: object) -> Pod:
    return pod(name(slot), RS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("others", "created"),
    [
        pytest.param((), [0, 1, 2], id="nothing there: three are created"),
        pytest.param((held(0), held(1)), [2], id="one missing: one is created"),
        pytest.param((held(0), held(1), held(2)), [], id="all there: none is created"),
        pytest.param((held(0), held(2)), [1], id="the smallest free slot is filled"),
        pytest.param((held(0), ending(held(1)), held(2)), [3], id="an ending pod is replaced under another name"),
        pytest.param(
            (held(0), held(1), held(2, phase="Failed")), [3], id="a failed pod is replaced under another name"
        ),
        pytest.param((held(0), held(1), held(2, phase="Succeeded")), [3], id="a succeeded pod is replaced too"),
        pytest.param((held(0), held(1), held(2, phase="Pending", is_ready=False)), [], id="a pending pod counts"),
        pytest.param((pod(name(0)), pod(name(1), labels={"x": "y"})), [2, 3, 4], id="names of strangers are not taken"),
    ],
)
def test_missing_pods_are_created_in_free_slots(others: tuple[Pod, ...], created: list[int]) -> None:
    plan = plan_for(CONTROLLER, RS, *others)
    assert [a.object.metadata.name for a in plan.actions if isinstance(a, Create)] == [name(slot) for slot in created]
    assert not [a for a in plan.actions if isinstance(a, Delete)]


@pytest.mark.parametrize(
    ("age_s", "created", "look_s"),
    [pytest.param(4, [], 6.0, id="not at once"), pytest.param(10, [3], None, id="a little later")],
)
def test_a_pod_that_its_node_refused_is_replaced(age_s: float, created: list[int], look_s: float | None) -> None:
    """Or there would be a new one at every turn, since no scheduler is asked about it (`spec.nodeName`)."""
    changes = {"metadata.creation_timestamp": ago(age_s), "status.reason": "OutOfcpu", "status.container_statuses": ()}
    refused = evolve(held(2, phase="Failed", is_ready=False), **changes)
    plan = plan_for(CONTROLLER, RS, held(0), held(1), refused)
    assert [a.object.metadata.name for a in plan.actions if isinstance(a, Create)] == [name(slot) for slot in created]
    assert plan.requeue_after_s == look_s


def test_a_created_pod_is_the_template_with_an_owner() -> None:
    created = next(a for a in plan_for(CONTROLLER, RS).actions if isinstance(a, Create))
    assert created.reason == "replica_missing"
    assert created.object.metadata.labels == RS.spec.template.metadata.labels
    assert created.object.metadata.owner_references == (RS.owner_reference(),)
    assert isinstance(created.object, Pod)
    assert created.object.spec == RS.spec.template.spec


def test_names_do_not_come_back() -> None:
    used = evolve(RS, **{"status.next_slot": 7})
    plan = plan_for(CONTROLLER, used, held(0), held(1))
    assert ("Create", name(7), "replica_missing") in acts(plan)
    told = next(a.object for a in plan.actions if isinstance(a, SetStatus))
    assert isinstance(told, ReplicaSet)
    assert told.status.next_slot == 8


def test_a_pod_made_before_the_status_was_written_is_not_made_again() -> None:
    """The controller crashed behind its creations: `nextSlot` lags, the names are taken."""
    crashed = evolve(RS, **{"status.next_slot": 0, "spec.replicas": 4})
    assert ("Create", name(3), "replica_missing") in acts(plan_for(CONTROLLER, crashed, held(0), held(1), held(2)))


def test_the_same_snapshot_gives_the_same_names() -> None:
    assert acts(plan_for(CONTROLLER, RS)) == acts(plan_for(CONTROLLER, RS))


@pytest.mark.parametrize(
    ("wanted", "pods", "victims"),
    [
        pytest.param(1, ("ready", "unready"), {"unready"}, id="the unready one goes"),
        pytest.param(1, ("ready", "pending", "unready"), {"pending", "unready"}, id="pending and unready ones go"),
        pytest.param(0, ("ready", "unready"), {"ready", "unready"}, id="all go"),
    ],
)
def test_surplus_pods_are_deleted(wanted: int, pods: tuple[str, ...], victims: set[str]) -> None:
    kinds = {
        "ready": pod("ready", RS),
        "unready": pod("unready", RS, is_ready=False),
        "pending": pod("pending", RS, phase="Pending", node="", is_ready=False),
    }
    plan = plan_for(CONTROLLER, evolve(RS, **{"spec.replicas": wanted}), *(kinds[each] for each in pods))
    deleted = [a for a in plan.actions if isinstance(a, Delete)]
    assert {a.object.metadata.name for a in deleted} == victims
    assert all(a.at_revision and a.reason == "replica_surplus" for a in deleted)


def test_the_fuller_node_gives_up_a_pod_counting_sibling_replica_sets() -> None:
    owner = deployment()
    mine, sibling = replica_set("v1", 1, owner=owner), replica_set("v2", 1, owner=owner)
    plan = plan_for(
        CONTROLLER, mine, sibling, pod("alone", mine, node="n1"), pod("crowded", mine, node="n2"),
        pod("other", sibling, node="n2"),
    )  # fmt: skip
    assert [a.object.metadata.name for a in plan.actions if isinstance(a, Delete)] == ["crowded"]


def test_a_burst_is_bounded_and_goes_on_at_once() -> None:
    many = evolve(RS, **{"spec.replicas": 1200})
    plan = plan_for(CONTROLLER, many)
    assert sum(isinstance(a, Create) for a in plan.actions) == 500
    assert plan.requeue_after_s == 0
    few = plan_for(ReplicaSetController(burst=2), evolve(RS, **{"spec.replicas": 0}), held(0), held(1), held(2))
    assert sum(isinstance(a, Delete) for a in few.actions) == 2
    assert few.requeue_after_s == 0


ORPHAN = pod("orphan", labels=RS.spec.template.metadata.labels)
STRANGER = evolve(held(0), **{"metadata.labels": {"app": "other"}})


@pytest.mark.parametrize(
    ("objects", "updates"),
    [
        pytest.param((RS, ORPHAN), [("Update", "orphan", "matches_selector")], id="an orphan that matches is adopted"),
        pytest.param(
            (RS, STRANGER), [("Update", name(0), "selector_does_not_match")], id="one that does not is released"
        ),
    ],
)
def test_claims_come_first(objects: tuple[Object, ...], updates: list[tuple[str, str, str]]) -> None:
    assert acts(plan_for(CONTROLLER, *objects)) == updates


@pytest.mark.parametrize(
    "bystander",
    [
        pytest.param(ending(ORPHAN), id="an orphan that ends"),
        pytest.param(evolve(ORPHAN, **{"status.phase": "Failed"}), id="an orphan that failed"),
        pytest.param(evolve(ORPHAN, **{"metadata.labels": {"app": "db"}}), id="an orphan that does not match"),
        pytest.param(pod("p", replica_set("v9"), labels=dict(ORPHAN.metadata.labels)), id="another controller's pod"),
        pytest.param(evolve(ORPHAN, **{"metadata.namespace": "elsewhere"}), id="one in another namespace"),
    ],
)
def test_others_are_left_alone(bystander: Pod) -> None:
    plan = plan_for(CONTROLLER, RS, held(0), held(1), held(2), bystander)
    assert not [a for a in plan.actions if isinstance(a, Update | Delete | Create)]


def test_adoption_keeps_other_owners_and_release_too() -> None:
    shared = evolve(ORPHAN, **{"metadata.owner_references": (deployment().owner_reference(controller=False),)})
    update = plan_for(CONTROLLER, RS, shared).actions[0]
    assert [ref.uid for ref in update.object.metadata.owner_references] == ["uid-web", "uid-v1"]


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param((ending(RS), ORPHAN), id="being deleted itself"),
        pytest.param((RS, ending(namespace())), id="in a namespace that is being deleted"),
    ],
)
def test_nothing_is_created_or_adopted_when(objects: tuple[Object, ...]) -> None:
    assert not [a for a in plan_for(CONTROLLER, *objects).actions if isinstance(a, Create | Update)]


def test_status_counts() -> None:
    fresh = replica_set(replicas=4, pods=0, **{"spec.min_ready_seconds": 10, "metadata.generation": 3})
    pods = (
        pod("a", fresh, ready_since=ago(60)), pod("b", fresh, ready_since=ago(4)), pod("c", fresh, is_ready=False),
        pod("d", fresh, labels={"app": "web", "pod-template-hash": "v1"}), ending(pod("e", fresh)),
        pod("f", fresh, phase="Failed"),
    )  # fmt: skip
    plan = plan_for(CONTROLLER, fresh, *pods)
    told = next(a.object for a in plan.actions if isinstance(a, SetStatus))
    assert isinstance(told, ReplicaSet)
    status = told.status
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (4, 3, 2)
    assert (status.terminating_replicas, status.observed_generation, status.fully_labeled_replicas) == (1, 3, 4)
    assert plan.requeue_after_s == 6


def test_a_settled_replica_set_is_left_alone() -> None:
    assert plan_for(CONTROLLER, RS, held(0), held(1), held(2)).actions == ()


def test_who_is_refused_a_pod_still_tells_what_it_has_seen_and_tries_the_same_name_again() -> None:
    """A Deployment takes no step before its ReplicaSets have observed their size: a quota must not stop it for ever."""
    grown = evolve(RS, **{"metadata.generation": 2, "spec.replicas": 4, "status.observed_generation": 1})
    view = CONTROLLER.observe(Mirror.of(grown, held(0), held(1)), Key("default", "web-v1"), NOW)
    assert view is not None
    refused = next(a for a in CONTROLLER.reconcile(view).actions if isinstance(a, Create))
    (written,) = CONTROLLER.refused(view, refused, "exceeded quota").actions
    assert isinstance(written.object, ReplicaSet)
    status = written.object.status
    assert (status.observed_generation, status.replicas, status.next_slot) == (2, 2, grown.status.next_slot)


def test_a_refusal_becomes_a_condition_that_goes_when_all_are_there() -> None:
    view = CONTROLLER.observe(Mirror.of(RS), Key("default", "web-v1"), NOW)
    assert view is not None
    pod_refused = next(a for a in CONTROLLER.reconcile(view).actions if isinstance(a, Create))
    (written,) = CONTROLLER.refused(view, pod_refused, "too large").actions
    assert isinstance(written.object, ReplicaSet)
    failure = find_condition(written.object.status.conditions, "ReplicaFailure")
    assert failure is not None
    assert (failure.status, failure.reason, failure.message) == ("True", "FailedCreate", "too large")
    again = CONTROLLER.observe(Mirror.of(written.object), Key("default", "web-v1"), NOW)
    assert again is not None
    assert CONTROLLER.refused(again, pod_refused, "too large").actions == ()
    healed = plan_for(CONTROLLER, written.object, held(0), held(1), held(2))
    (told,) = (a.object for a in healed.actions if isinstance(a, SetStatus))
    assert isinstance(told, ReplicaSet)
    assert told.status.conditions == ()


def test_people_are_told() -> None:
    events = [a for a in plan_for(CONTROLLER, RS).actions if isinstance(a, Emit)]
    assert next((e.reason, e.message) for e in events) == ("SuccessfulCreate", f"Created pod: {name(0)}")


def test_a_pod_name_is_never_longer_than_a_name_may_be() -> None:
    long = slot_name("a" * 240 + "." + "b" * 12, "uid", 0)
    assert len(long) <= 253
    cut_at_a_dot = slot_name("a" * 246 + "." + "b" * 6, "uid", 0)
    assert ".-" not in cut_at_a_dot
