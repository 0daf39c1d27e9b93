"""Which changes are worth a retry."""

from __future__ import annotations

import pytest

from control_plane.scheduling import Change, node_changes, pod_changes
from control_plane.scheduling.changes import NOTHING
from proto.objects.core import Node, Taint
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from tests.scheduling.making import ROOMY, a_node, a_pod

PLAIN = a_node("n")
TAINTED = a_node("n", taints=[Taint(key="k", effect="NoSchedule")])
BOUND = a_pod("p", node="n")
RESIZED = evolve(a_pod("p", node="n", requests={"cpu": "2"}), **{"metadata.generation": 1})
LESS = evolve(a_pod("p", node="n", requests={"cpu": "1"}), **{"metadata.generation": 2})
MORE = evolve(a_pod("p", node="n", requests={"cpu": "3"}), **{"metadata.generation": 2})

NODE_CHANGES: dict[str, tuple[Node | None, Node | None, Change]] = {
    "added": (None, PLAIN, Change.NODE_ADDED),
    "removed": (PLAIN, None, NOTHING),
    "a heartbeat": (PLAIN, evolve(PLAIN, **{"metadata.resource_version": "7"}), NOTHING),
    "ready": (a_node("n", ready="Unknown"), PLAIN, Change.NODE_READY),
    "not ready": (PLAIN, a_node("n", ready="False"), NOTHING),
    "uncordoned": (a_node("n", unschedulable=True), PLAIN, Change.NODE_SCHEDULABLE),
    "cordoned": (PLAIN, a_node("n", unschedulable=True), NOTHING),
    "labelled": (PLAIN, a_node("n", labels={"a": "b"}), Change.NODE_LABELS),
    "taint taken away": (TAINTED, PLAIN, Change.NODE_TAINTS),
    "tainted": (PLAIN, TAINTED, NOTHING),
    "offers more": (PLAIN, a_node("n", {**ROOMY, "cpu": "5"}), Change.NODE_ALLOCATABLE),
    "offers something new": (PLAIN, a_node("n", {**ROOMY, "example.com/gpu": "1"}), Change.NODE_ALLOCATABLE),
    "offers less": (PLAIN, a_node("n", {**ROOMY, "cpu": "3"}), NOTHING),
    "recovered": (
        a_node("n", {}, ready="Unknown", taints=TAINTED.spec.taints), PLAIN,
        Change.NODE_READY | Change.NODE_TAINTS | Change.NODE_ALLOCATABLE,
    ),
}  # fmt: skip

POD_CHANGES: dict[str, tuple[Pod | None, Pod | None, Change]] = {
    "created": (None, a_pod("p"), NOTHING),
    "bound": (a_pod("p"), BOUND, NOTHING),
    "running": (BOUND, evolve(BOUND, **{"status.phase": "Running"}), NOTHING),
    "finished": (BOUND, evolve(BOUND, **{"status.phase": "Succeeded"}), Change.POD_GONE),
    "gone": (BOUND, None, Change.POD_GONE),
    "an unbound one gone": (a_pod("p"), None, NOTHING),
    "resized to less": (RESIZED, LESS, Change.POD_GONE),
    "resized to more": (RESIZED, MORE, NOTHING),
    "a finished one gone": (evolve(BOUND, **{"status.phase": "Failed"}), None, NOTHING),
}


@pytest.mark.parametrize(("old", "new", "change"), NODE_CHANGES.values(), ids=NODE_CHANGES.keys())
def test_node_changes(old: Node | None, new: Node | None, change: Change) -> None:
    assert node_changes(old, new) == change


@pytest.mark.parametrize(("old", "new", "change"), POD_CHANGES.values(), ids=POD_CHANGES.keys())
def test_pod_changes(old: Pod | None, new: Pod | None, change: Change) -> None:
    assert pod_changes(old, new) == change
