"""DaemonSets: one pod on each node that is fit, replaced within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.controller_revisions import revision_hash
from control_plane.controllers.daemon_pods import target
from control_plane.controllers.daemon_set import DaemonSetController
from control_plane.plan import Create, Key, SetStatus
from control_plane.store.mirror import Mirror
from proto.objects.core import Node, Taint
from proto.objects.daemon_set import DaemonSet, DaemonSetStatus, DaemonSetUpdateStrategy
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod, Toleration
from tests.controllers.builders import NOW, acts, ago, ending, in_, namespace, node, plan_for
from tests.controllers.daemon_sets import daemon_pod, daemon_set, revision


def pod_acts(owner: DaemonSet, *objects: Object) -> list[str]:
    """What is done to pods: `create n1`, `delete n1-v1 reason`."""
    wanted = owner.spec.template.spec.containers[0].command[1]
    known = [revision(owner, each, number) for number, each in enumerate(sorted(("v1", "v2", "v3"), key=wanted.__eq__))]
    plan = plan_for(DaemonSetController(), owner, *known, *objects)
    made = [
        f"create {target(each.object)}"
        for each in plan.actions
        if isinstance(each, Create) and isinstance(each.object, Pod)
    ]
    return made + [f"{act[0].lower()} {act[1]} {act[2]}" for act in acts(plan) if act[0] not in ("Create", "SetStatus")]


def tainted(name: str, effect: str, key: str = "gpu", **changes: Any) -> Node:
    return node(name, "True", Taint(key=key, effect=effect), **changes)  # type: ignore[arg-type]


DS = daemon_set()


@pytest.mark.parametrize(
    ("owner", "objects", "expected"),
    [
        pytest.param(DS, [node("n1"), node("n2")], ["create n1", "create n2"], id="one-each"),
        pytest.param(DS, [node("n1"), daemon_pod(DS, "n1")], [], id="there"),
        pytest.param(DS, [node("n1"), node("n2"), daemon_pod(DS, "n1")], ["create n2"], id="a-new-node"),
        pytest.param(DS, [node("n1"), ending(daemon_pod(DS, "n1"))], [], id="wait-for-the-one-that-ends"),
        pytest.param(DS, [ending(node("n1"))], [], id="a-node-that-goes"),
        pytest.param(
            daemon_set(**{"spec.template.spec.node_selector": {"disk": "ssd"}}),
            [node("n1"), node("n2", **{"metadata.labels": {"disk": "ssd"}})],
            ["create n2"],
            id="node-selector",
        ),
        pytest.param(DS, [tainted("n1", "NoSchedule"), tainted("n2", "NoExecute")], [], id="tainted"),
        pytest.param(DS, [tainted("n1", "PreferNoSchedule")], ["create n1"], id="soft-taint"),
        pytest.param(
            daemon_set(**{"spec.template.spec.tolerations": (Toleration(key="gpu", operator="Exists"),)}),
            [tainted("n1", "NoExecute")],
            ["create n1"],
            id="tolerated",
        ),
        pytest.param(
            DS, [tainted("n1", "NoSchedule", "node.kubernetes.io/unschedulable")], ["create n1"], id="cordoned"
        ),
        pytest.param(DS, [tainted("n1", "NoSchedule"), daemon_pod(DS, "n1")], [], id="may-stay"),
        pytest.param(
            DS, [tainted("n1", "NoExecute"), daemon_pod(DS, "n1")], ["delete n1-v1 node_not_fit"], id="may-not-stay"
        ),
        pytest.param(
            DS, [tainted("n1", "NoExecute", "node.kubernetes.io/unreachable"), daemon_pod(DS, "n1")], [], id="lost-node"
        ),
        pytest.param(
            daemon_set(**{"spec.template.spec.node_selector": {"disk": "ssd"}}),
            [node("n1"), daemon_pod(DS, "n1")],
            ["delete n1-v1 node_not_fit"],
            id="labels-changed",
        ),
        pytest.param(
            DS,
            [node("n1"), daemon_pod(DS, "n1", age_s=50), daemon_pod(DS, "n1", name="second", age_s=20)],
            ["delete second pod_surplus"],
            id="two-on-a-node",
        ),
        pytest.param(
            DS,
            [node("n1"), daemon_pod(DS, "n1", is_ready=False), daemon_pod(DS, "n1", name="second", age_s=20)],
            ["delete n1-v1 pod_surplus"],
            id="the-useful-one-is-kept",
        ),
        pytest.param(DS, [daemon_pod(DS, "gone")], ["delete gone-v1 node_not_fit"], id="node-gone"),
        pytest.param(
            DS,
            [node("n1"), daemon_pod(DS, "n1", phase="Failed", is_ready=False)],
            ["delete n1-v1 pod_finished"],
            id="failed",
        ),
        pytest.param(
            DS,
            [node("n1"), daemon_pod(DS, "n1", phase="Failed", is_ready=False, age_s=3)],
            [],
            id="failed-a-moment-ago",
        ),
        pytest.param(DS, [node("n1"), namespace(**{"metadata.deletion_timestamp": ago(1)})], [], id="namespace-going"),
        pytest.param(ending(DS), [node("n1")], [], id="being-deleted"),
    ],
)
def test_every_fit_node_has_one(owner: DaemonSet, objects: list[Object], expected: list[str]) -> None:
    assert pod_acts(owner, *objects) == expected


NODES = [node(name) for name in ("n1", "n2", "n3", "n4")]


def fleet(owner: DaemonSet, versions: str) -> list[Object]:
    """Pods by node: `1` one of v1, `2!` one of v2 that is not ready, `.` none, `(12)` both."""
    pods: list[Pod] = []
    number, together = 0, False
    for sign in versions:
        if sign == "!":
            pods[-1] = daemon_pod(owner, pods[-1].spec.node_name, pods[-1].metadata.name[-2:], is_ready=False)
            continue
        if sign in "()":
            together, number = sign == "(", number + (sign == "(")
            continue
        number += not together
        if sign != ".":
            pods.append(daemon_pod(owner, f"n{number}", f"v{sign}"))
    return [*NODES, *pods]


ON_DELETE: dict[str, Any] = {"spec.update_strategy": DaemonSetUpdateStrategy(type="OnDelete")}


@pytest.mark.parametrize(
    ("owner", "pods", "expected"),
    [
        pytest.param(daemon_set("v2"), "1111", ["delete n1-v1 outdated_revision"], id="one"),
        pytest.param(daemon_set("v2"), ".111", ["create n1"], id="made-again"),
        pytest.param(daemon_set("v2"), "2!111", [], id="wait-for-it"),
        pytest.param(daemon_set("v2"), "2111", ["delete n2-v1 outdated_revision"], id="the-next"),
        pytest.param(daemon_set("v2"), "2222", [], id="done"),
        pytest.param(
            daemon_set("v2", unavailable="50%"),
            "1111",
            ["delete n1-v1 outdated_revision", "delete n2-v1 outdated_revision"],
            id="half",
        ),
        pytest.param(
            daemon_set("v2", unavailable="30%"),
            "1111",
            ["delete n1-v1 outdated_revision", "delete n2-v1 outdated_revision"],
            id="a-share-is-rounded-up",
        ),
        pytest.param(daemon_set("v2"), "11!11", ["delete n2-v1 outdated_revision"], id="who-is-of-no-use-first"),
        pytest.param(
            daemon_set("v3"), "2!2!11", ["delete n1-v2 outdated_revision", "delete n2-v2 outdated_revision"],
            id="a-broken-revision-does-not-hold-up-its-correction",
        ),
        pytest.param(daemon_set("v2", **ON_DELETE), "11.1", ["create n3"], id="on-delete"),
        pytest.param(daemon_set("v2", unavailable=0, surge=1), "1111", ["create n1"], id="surge"),
        pytest.param(daemon_set("v2", unavailable=0, surge=1), "(12!)111", [], id="surge-waits"),
        pytest.param(
            daemon_set("v2", unavailable=0, surge=1), "(12)111", ["delete n1-v1 pod_surplus"], id="surge-takes-over"
        ),
        pytest.param(daemon_set("v2", unavailable=0, surge=1), "2111", ["create n2"], id="surge-goes-on"),
        pytest.param(
            daemon_set("v2", unavailable=0, surge="50%"), "1111", ["create n1", "create n2"], id="surge-of-half"
        ),
        pytest.param(
            daemon_set("v3", unavailable=0, surge=1), "(12!)111", ["delete n1-v2 pod_surplus"], id="surge-is-corrected"
        ),
    ],
)  # fmt: skip
def test_an_update_keeps_its_bounds(owner: DaemonSet, pods: str, expected: list[str]) -> None:
    assert pod_acts(owner, *fleet(owner, pods)) == expected


def test_a_pod_asks_for_its_node_and_tolerates_its_troubles() -> None:
    plan = plan_for(DaemonSetController(), DS, revision(DS, "v1"), node("n1"))
    (made,) = [action.object for action in plan.actions if isinstance(action, Create)]
    assert isinstance(made, Pod)
    assert (target(made), made.spec.node_name) == ("n1", "")
    assert {(each.key, each.effect) for each in made.spec.tolerations} >= {
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    }
    assert made.metadata.labels["controller-revision-hash"] == revision_hash(revision(DS, "v1"))


def test_the_same_decision_makes_the_same_pod_and_another_revision_another_one() -> None:
    def name(owner: DaemonSet, version: str) -> str:
        plan = plan_for(DaemonSetController(), owner, revision(owner, version), node("n1"))
        return next(action.object.metadata.name for action in plan.actions if isinstance(action, Create))

    assert name(DS, "v1") == name(DS, "v1")
    assert name(DS, "v1") != name(daemon_set("v2"), "v2")


def test_the_status_counts_nodes() -> None:
    owner = daemon_set("v2")
    plan = plan_for(
        DaemonSetController(), owner, revision(owner, "v1", 1), revision(owner, "v2", 2), *fleet(owner, "2!1.1"),
        tainted("n5", "NoSchedule"), daemon_pod(owner, "n5"),
    )  # fmt: skip
    (write,) = [action for action in plan.actions if isinstance(action, SetStatus)]
    status = write.object.status  # type: ignore[attr-defined]
    assert status == DaemonSetStatus(
        observed_generation=1, desired_number_scheduled=4, current_number_scheduled=3, number_misscheduled=1,
        number_ready=2, updated_number_scheduled=1, number_available=2, number_unavailable=2,
    )  # fmt: skip


def test_a_pod_that_failed_is_looked_at_again() -> None:
    plan = plan_for(
        DaemonSetController(), DS, revision(DS, "v1"), node("n1"),
        daemon_pod(DS, "n1", phase="Failed", is_ready=False, age_s=3),
    )  # fmt: skip
    assert plan.requeue_after_s == 7.0


def test_many_nodes_are_served_in_bursts() -> None:
    nodes = [node(f"n{number}") for number in range(5)]
    plan = plan_for(DaemonSetController(burst=2), DS, revision(DS, "v1"), *nodes)
    assert sum(isinstance(action, Create) for action in plan.actions) == 2
    assert plan.requeue_after_s == 0.0


@pytest.mark.parametrize(
    ("before", "after", "looks"),
    [
        pytest.param(None, node("n1"), True, id="added"),
        pytest.param(node("n1"), None, True, id="removed"),
        pytest.param(node("n1"), node("n1", "False"), False, id="a-heartbeat"),
        pytest.param(node("n1"), tainted("n1", "NoSchedule"), True, id="tainted"),
        pytest.param(node("n1"), node("n1", **{"metadata.labels": {"a": "b"}}), True, id="labelled"),
        pytest.param(node("n1"), node("n1", **{"spec.unschedulable": True}), True, id="cordoned"),
    ],
)
def test_only_a_node_that_is_fit_for_other_pods_than_before_matters(
    before: Node | None, after: Node | None, looks: bool
) -> None:
    (watch,) = [watch for watch in DaemonSetController.watches if watch.kind is Node]
    assert list(watch.keys(before, after, Mirror.of(DS))) == ([Key("default", "log")] if looks else [])


def test_what_cannot_be_made_is_told() -> None:
    controller = DaemonSetController()
    view = controller.observe(Mirror.of(DS, revision(DS, "v1"), node("n1")), Key(*DS.key), NOW)
    assert view is not None
    create = next(action for action in controller.reconcile(view).actions if isinstance(action, Create))
    (write,) = controller.refused(view, create, "quota is used up").actions
    (failure,) = write.object.status.conditions  # type: ignore[union-attr]
    assert (failure.type, failure.reason, failure.message) == ("ReplicaFailure", "FailedCreate", "quota is used up")


def test_a_pod_is_available_when_it_was_ready_for_long_enough() -> None:
    owner = daemon_set("v2", **{"spec.min_ready_seconds": 10})
    known = revision(owner, "v1", 1), revision(owner, "v2", 2)
    pods = daemon_pod(owner, "n1", "v2", ready_since=ago(4)), daemon_pod(owner, "n2", ready_since=ago(60))
    plan = plan_for(DaemonSetController(), owner, *known, node("n1"), node("n2"), *pods)
    assert [act for act in acts(plan) if act[0] == "Delete"] == []
    assert plan.requeue_after_s == 6.0
    later = plan_for(DaemonSetController(), owner, *known, node("n1"), node("n2"), *pods, now=in_(6))
    assert [act[1] for act in acts(later) if act[0] == "Delete"] == ["n2-v1"]


def test_a_selector_that_matches_everything_is_left_alone() -> None:
    assert plan_for(DaemonSetController(), evolve(DS, **{"spec.selector.match_labels": {}}), node("n1")).actions == ()
