"""The rules of writing: what a create fills in, an update keeps and a deletion means, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.store.lifecycle import (
    DeleteOptions,
    Marking,
    Removal,
    for_binding,
    for_create,
    for_delete,
    for_finalize,
    for_status,
    for_update,
    may_be_removed,
)
from proto.errors import Conflict, Invalid
from proto.objects.apps import Deployment, DeploymentStatus
from proto.objects.coordination import Lease
from proto.objects.core import ConfigMap, Namespace, NamespaceSpec, Node, NodeStatus
from proto.objects.meta import Object, ObjectMeta, evolve
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NOW_ON_THE_WIRE = NOW.replace(microsecond=123000)


def made(obj: Object, **changes: Any) -> Any:
    """The object as the store has it after its creation, with `changes`."""
    created = for_create(obj, uid="u-1", now=NOW)
    return evolve(created, **{"metadata.resource_version": "7", **changes})


def pod(**changes: Any) -> Pod:
    """A stored pod on a node."""
    return made(Pod(metadata=ObjectMeta(name="p", namespace="default")), **{"spec.node_name": "n1", **changes})


def deployment(**changes: Any) -> Deployment:
    return made(Deployment(metadata=ObjectMeta(name="d", namespace="default")), **changes)


@pytest.mark.parametrize(
    ("obj", "generation"),
    [(Pod(), 1), (Deployment(), 1), (Node(), None), (ConfigMap(), None), (Lease(), None), (Namespace(), None)],
    ids=lambda value: getattr(value, "kind", str(value)),
)
def test_a_create_fills_in_the_identity(obj: Object, generation: int | None) -> None:
    sent = evolve(
        obj,
        **{
            "metadata.name": "x",
            "metadata.uid": "mine",
            "metadata.resource_version": "99",
            "metadata.generation": 5,
            "metadata.deletion_timestamp": NOW,
            "metadata.deletion_grace_period_seconds": 5,
            "metadata.finalizers": ("a/b",),
        },
    )
    created = for_create(sent, uid="u-1", now=NOW).metadata
    assert (created.name, created.uid, created.resource_version) == ("x", "u-1", "")
    assert (created.creation_timestamp, created.generation) == (NOW_ON_THE_WIRE, generation)
    assert (created.deletion_timestamp, created.deletion_grace_period_seconds) == (None, None)
    assert created.finalizers == ("a/b",)


def test_a_create_drops_a_status_that_a_person_sends() -> None:
    sent = Pod(status=PodStatus(phase="Running"))
    assert for_create(sent, uid="u", now=NOW).status == PodStatus(qos_class="BestEffort")
    assert for_create(sent, uid="u", now=NOW, keep_status=True).status.phase == "Running"


def test_a_namespace_begins_with_the_finalizer_that_keeps_it_until_it_is_empty() -> None:
    assert for_create(Namespace(), uid="u", now=NOW).spec.finalizers == ("kubernetes",)


def test_an_update_cannot_change_the_identity() -> None:
    old = deployment()
    new = evolve(
        old,
        **{
            "metadata.name": "other",
            "metadata.namespace": "other",
            "metadata.uid": "other",
            "metadata.creation_timestamp": None,
            "metadata.deletion_timestamp": NOW,
            "metadata.generation": 40,
            "metadata.resource_version": "",
            "status.replicas": 3,
        },
    )
    assert for_update(old, new) is old


@pytest.mark.parametrize(
    ("change", "generation"),
    [({"spec.replicas": 5}, 2), ({"metadata.labels": {"a": "b"}}, 1), ({"metadata.annotations": {"a": "b"}}, 1)],
    ids=["spec", "labels", "annotations"],
)
def test_the_generation_grows_with_the_spec_only(change: dict[str, Any], generation: int) -> None:
    old = deployment()
    updated = for_update(old, evolve(old, **change))
    assert updated is not old
    assert updated.metadata.generation == generation
    assert updated.metadata.resource_version == "7"


def test_a_kind_without_spec_is_updated_whole() -> None:
    old = made(ConfigMap(data={"a": "1"}))
    assert for_update(old, evolve(old, data={"a": "2"})).data == {"a": "2"}


def test_an_update_keeps_the_namespace_finalizers_and_finalize_changes_them() -> None:
    old = made(Namespace(metadata=ObjectMeta(name="ns")))
    emptied = evolve(old, spec=NamespaceSpec())
    assert for_update(old, emptied) is old
    assert for_finalize(old, emptied).spec.finalizers == ()


def test_a_finalizer_cannot_be_added_while_deleting() -> None:
    old = deployment(**{"metadata.finalizers": ("a",), "metadata.deletion_timestamp": NOW})
    with pytest.raises(Invalid, match=r"no new finalizers can be added .*, found new finalizers b") as refusal:
        for_update(old, evolve(old, **{"metadata.finalizers": ("a", "b")}))
    assert refusal.value.causes[0].field == "metadata.finalizers"


def test_removing_the_last_finalizer_of_a_deleting_object_removes_it() -> None:
    marked = for_delete(deployment(**{"metadata.finalizers": ("a", "b")}), DeleteOptions(), NOW).object
    one_left = for_update(marked, evolve(marked, **{"metadata.finalizers": ("b",)}))
    assert not may_be_removed(one_left)
    assert may_be_removed(for_update(one_left, evolve(one_left, **{"metadata.finalizers": ()})))


def test_a_status_write_changes_the_status_only() -> None:
    old = deployment()
    new = evolve(old, **{"spec.replicas": 9, "metadata.labels": {"a": "b"}, "status.replicas": 3})
    assert for_status(old, new) == evolve(old, status=DeploymentStatus(replicas=3))
    assert for_status(old, evolve(new, status=old.status)) is old


def test_a_binding_places_a_pod_once() -> None:
    unbound = pod(**{"spec.node_name": ""})
    bound = for_binding(unbound, "n2", NOW)
    assert (bound.spec.node_name, bound.metadata.generation) == ("n2", 1)
    assert [(c.type, c.status) for c in bound.status.conditions] == [("PodScheduled", "True")]
    with pytest.raises(Conflict, match='is already assigned to node "n2"'):
        for_binding(bound, "n3", NOW)
    with pytest.raises(Conflict, match="is being deleted"):
        for_binding(evolve(unbound, **{"metadata.deletion_timestamp": NOW}), "n2", NOW)


@pytest.mark.parametrize(
    ("finalizers", "propagation", "left"),
    [
        ((), None, None),
        ((), "Background", None),
        ((), "Foreground", ("foregroundDeletion",)),
        ((), "Orphan", ("orphan",)),
        (("a",), None, ("a",)),
        (("a",), "Background", ("a",)),
        (("orphan",), None, ("orphan",)),
        (("orphan",), "Background", None),
        (("orphan", "a"), "Foreground", ("a", "foregroundDeletion")),
    ],
)
def test_propagation_becomes_a_finalizer(
    finalizers: tuple[str, ...], propagation: Any, left: tuple[str, ...] | None
) -> None:
    verdict = for_delete(deployment(**{"metadata.finalizers": finalizers}), DeleteOptions(propagation), NOW)
    if left is None:
        assert isinstance(verdict, Removal)
        return
    assert isinstance(verdict, Marking)
    meta = verdict.object.metadata
    assert (meta.finalizers, meta.deletion_timestamp, meta.generation) == (left, NOW_ON_THE_WIRE, 2)
    assert meta.deletion_grace_period_seconds == 0


def test_a_second_delete_may_choose_another_propagation_but_keeps_the_time() -> None:
    first = for_delete(deployment(), DeleteOptions("Foreground"), NOW).object
    later = NOW + timedelta(seconds=60)
    again = for_delete(first, DeleteOptions(), later)
    assert again == Marking(first)
    assert again.object is first
    assert isinstance(for_delete(first, DeleteOptions("Background"), later), Removal)
    orphaning = for_delete(first, DeleteOptions("Orphan"), later).object.metadata
    assert (orphaning.finalizers, orphaning.deletion_timestamp) == (("orphan",), NOW_ON_THE_WIRE)


@pytest.mark.parametrize(
    ("changes", "grace_s", "granted_s"),
    [
        ({}, None, 30),
        ({}, 5, 5),
        ({}, 90, 90),
        ({}, -1, 1),
        ({}, 0, None),
        ({"spec.termination_grace_period_seconds": 0}, None, None),
        ({"spec.node_name": ""}, None, None),
        ({"spec.node_name": ""}, 60, None),
        ({"status.phase": "Succeeded"}, 60, None),
        ({"status.phase": "Failed"}, None, None),
        ({"status.phase": "Running"}, None, 30),
        ({"metadata.finalizers": ("a",)}, 0, 0),
        ({"metadata.finalizers": ("a",)}, 7, 7),
    ],
)
def test_a_pod_gets_its_grace(changes: dict[str, Any], grace_s: int | None, granted_s: int | None) -> None:
    verdict = for_delete(pod(**changes), DeleteOptions(grace_s=grace_s), NOW)
    if granted_s is None:
        assert isinstance(verdict, Removal)
        return
    assert isinstance(verdict, Marking)
    meta = verdict.object.metadata
    assert meta.deletion_grace_period_seconds == granted_s
    assert meta.deletion_timestamp == NOW_ON_THE_WIRE + timedelta(seconds=granted_s)
    assert meta.generation == 2


@pytest.mark.parametrize(
    ("grace_s", "left_s"),
    [(None, 30), (30, 30), (60, 30), (10, 10), (0, None)],
    ids=["as it is", "equal", "longer", "shorter", "now"],
)
def test_a_second_delete_can_only_shorten_the_grace(grace_s: int | None, left_s: int | None) -> None:
    marked = for_delete(pod(), DeleteOptions(), NOW).object
    verdict = for_delete(marked, DeleteOptions(grace_s=grace_s), NOW + timedelta(seconds=3))
    if left_s is None:
        assert isinstance(verdict, Removal)
        return
    meta = verdict.object.metadata
    assert (meta.deletion_grace_period_seconds, meta.generation) == (left_s, 2)
    assert meta.deletion_timestamp == NOW_ON_THE_WIRE + timedelta(seconds=left_s)
    assert (verdict.object is marked) == (left_s == 30)


def test_a_pod_whose_processes_ended_still_waits_for_its_finalizers() -> None:
    marked = for_delete(pod(**{"metadata.finalizers": ("a",)}), DeleteOptions(), NOW).object
    ended = for_delete(marked, DeleteOptions(grace_s=0), NOW)
    assert isinstance(ended, Marking)
    assert not may_be_removed(ended.object)
    assert may_be_removed(for_update(ended.object, evolve(ended.object, **{"metadata.finalizers": ()})))


def test_a_pod_with_grace_is_not_removed_by_an_update() -> None:
    assert not may_be_removed(for_delete(pod(), DeleteOptions(), NOW).object)


def test_a_namespace_terminates_until_it_is_empty() -> None:
    namespace = made(Namespace(metadata=ObjectMeta(name="ns")))
    first = for_delete(namespace, DeleteOptions(), NOW)
    assert isinstance(first, Marking)
    terminating = first.object
    assert isinstance(terminating, Namespace)
    assert (terminating.status.phase, terminating.deleting) == ("Terminating", True)
    assert for_delete(terminating, DeleteOptions(grace_s=0), NOW).object is terminating
    emptied = for_finalize(terminating, evolve(terminating, spec=NamespaceSpec()))
    assert may_be_removed(emptied)
    assert isinstance(for_delete(emptied, DeleteOptions(), NOW), Removal)


def test_a_node_keeps_its_first_status_when_its_agent_registers_it() -> None:
    status = NodeStatus(capacity={"cpu": "4"})
    assert for_create(Node(status=status), uid="u", now=NOW, keep_status=True).status == status
