"""StatefulSets: one step at a time, in order, and never two pods under one name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from control_plane.controllers.ordered_pods import POD_INDEX, POD_NAME
from control_plane.controllers.stateful_set import StatefulSetController
from control_plane.plan import Create, Emit, Key, SetStatus
from control_plane.store.mirror import Mirror
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetOrdinals,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from tests.controllers.builders import acts, ago, ending, namespace, plan_for, template
from tests.controllers.stateful_sets import member, revision, stateful_set

PARALLEL: dict[str, Any] = {"spec.pod_management_policy": "Parallel"}
ON_DELETE: dict[str, Any] = {"spec.update_strategy": StatefulSetUpdateStrategy(type="OnDelete")}
CREATE, DELETE = "Create db-{} replica_missing", "Delete db-{} replica_surplus"


def pod_acts(owner: StatefulSet, *pods: Pod, revisions: Sequence[str] = ("v1", "v2", "v3")) -> list[str]:
    """What is done to pods, as `Create db-0 replica_missing`. All revisions are stored, the wanted one the newest."""
    wanted = owner.spec.template.spec.containers[0].command[1]
    known = [revision(owner, each, number) for number, each in enumerate(sorted(revisions, key=lambda v: v == wanted))]
    plan = plan_for(StatefulSetController(), owner, *known, *pods)
    return [" ".join(act) for act in acts(plan) if act[0] != "SetStatus"]


def members(owner: StatefulSet, versions: str, **changes: Any) -> list[Pod]:
    """Pods of db-0, db-1, …: `12` are one of v1 and one of v2; `.` is a missing one; `!` makes the one before
    unready, `x` makes it ending."""
    pods: list[Pod] = []
    number = 0
    for sign in versions:
        if sign == "!":
            pods[-1] = member(owner, number - 1, pods[-1].metadata.annotations["v"], is_ready=False, **changes)
        elif sign == "x":
            pods[-1] = ending(pods[-1])
        else:
            if sign != ".":
                marked = {"metadata.annotations": {"v": f"v{sign}"}}
                pods.append(evolve(member(owner, number, f"v{sign}", **changes), **marked))
            number += 1
    return pods


def rolling(**changes: Any) -> dict[str, Any]:
    return {
        "spec.update_strategy": StatefulSetUpdateStrategy(rolling_update=RollingUpdateStatefulSetStrategy(**changes))
    }


@pytest.mark.parametrize(
    ("owner", "pods", "expected"),
    [
        pytest.param(stateful_set(), "", [CREATE.format(0)], id="first-the-lowest"),
        pytest.param(stateful_set(), "1", [CREATE.format(1)], id="the-next-when-the-one-before-is-available"),
        pytest.param(stateful_set(), "1!", [], id="none-while-it-is-not"),
        pytest.param(stateful_set(), "111", [], id="all-there"),
        pytest.param(stateful_set(), "1.1", [CREATE.format(1)], id="a-gap-is-filled"),
        pytest.param(stateful_set(), "1!.1", [], id="a-gap-waits-for-those-before"),
        pytest.param(stateful_set(), "11x1", [], id="an-ending-pod-is-waited-for"),
        pytest.param(stateful_set(1), "111", [DELETE.format(2)], id="the-highest-goes-first"),
        pytest.param(stateful_set(1), "111x", [], id="the-next-when-it-is-gone"),
        pytest.param(stateful_set(1), "11!", [DELETE.format(1)], id="a-surplus-pod-need-not-be-available"),
        pytest.param(stateful_set(1), "1!11", [], id="no-scaling-down-while-a-pod-before-is-unavailable"),
        pytest.param(stateful_set(0), "1", [DELETE.format(0)], id="to-zero"),
        pytest.param(stateful_set(3, **PARALLEL), "", [CREATE.format(n) for n in (0, 1, 2)], id="parallel-all-at-once"),
        pytest.param(stateful_set(3, **PARALLEL), "1!.1x", [CREATE.format(1)], id="parallel-waits-for-nobody"),
        pytest.param(stateful_set(1, **PARALLEL), "1!11", [DELETE.format(2), DELETE.format(1)], id="parallel-down"),
        pytest.param(
            stateful_set(2, **{"spec.ordinals": StatefulSetOrdinals(start=2)}),
            "11",
            [CREATE.format(2)],
            id="other-ordinals-are-made-first",
        ),
        pytest.param(
            stateful_set(2, **{"spec.ordinals": StatefulSetOrdinals(start=1)}),
            "111",
            [DELETE.format(0)],
            id="pods-below-the-start-are-surplus",
        ),
    ],
)
def test_pods_come_and_go_in_order(owner: StatefulSet, pods: str, expected: list[str]) -> None:
    assert pod_acts(owner, *members(owner, pods)) == expected


OUTDATED = "Delete db-{} outdated_revision"


@pytest.mark.parametrize(
    ("owner", "pods", "expected"),
    [
        pytest.param(stateful_set(3, "v2"), "111", [OUTDATED.format(2)], id="from-the-highest"),
        pytest.param(stateful_set(3, "v2"), "11.", [CREATE.format(2)], id="made-again"),
        pytest.param(stateful_set(3, "v2"), "112!", [], id="the-next-waits"),
        pytest.param(stateful_set(3, "v2"), "112", [OUTDATED.format(1)], id="the-next"),
        pytest.param(stateful_set(3, "v2"), "1x22", [], id="one-ends"),
        pytest.param(stateful_set(3, "v2", partition=2), "111", [OUTDATED.format(2)], id="partition"),
        pytest.param(stateful_set(3, "v2", partition=2), "112", [], id="partition-ends"),
        pytest.param(stateful_set(3, "v2", partition=5), "111", [], id="partition-above-all"),
        pytest.param(stateful_set(3, "v2", **ON_DELETE), "111", [], id="on-delete-leaves-them"),
        pytest.param(stateful_set(3, "v2", **ON_DELETE), "1.1", [CREATE.format(1)], id="on-delete-makes-again"),
        pytest.param(
            stateful_set(5, "v2", **rolling(max_unavailable=2)),
            "11111",
            [OUTDATED.format(4), OUTDATED.format(3)],
            id="two-at-a-time",
        ),
        pytest.param(
            stateful_set(5, "v2", **rolling(max_unavailable="40%")), "11112!", [OUTDATED.format(3)], id="forty-percent"
        ),
        pytest.param(stateful_set(5, "v2", **rolling(max_unavailable=2)), "1112!2!", [], id="two-are-on-their-way"),
        pytest.param(
            stateful_set(3, "v2", **PARALLEL), "111", [OUTDATED.format(2)], id="parallel-updates-in-order-too"
        ),
        pytest.param(stateful_set(3, "v2"), "11!1", [OUTDATED.format(1)], id="who-is-of-no-use-first"),
        pytest.param(stateful_set(3, "v2"), "11!2!", [], id="but-not-before-the-new-revision-is-proven"),
    ],
)
def test_an_update_goes_from_the_highest_down(owner: StatefulSet, pods: str, expected: list[str]) -> None:
    assert pod_acts(owner, *members(owner, pods)) == expected


@pytest.mark.parametrize(
    ("pods", "wanted", "expected"),
    [
        pytest.param("112!", "v3", [OUTDATED.format(2)], id="broken-then-corrected"),
        pytest.param("112!", "v1", [OUTDATED.format(2)], id="broken-then-taken-back"),
        pytest.param("1!", "v2", [OUTDATED.format(0)], id="broken-from-the-beginning"),
        pytest.param("11.", "v3", [CREATE.format(2)], id="corrected-while-it-ends"),
        pytest.param("2!2!2!", "v3", [OUTDATED.format(2)], id="all-broken-one-by-one"),
        pytest.param("2!2!3!", "v3", [], id="all-broken-the-correction-is-tried"),
        pytest.param("2!2!3", "v3", [OUTDATED.format(1)], id="all-broken-the-correction-works"),
    ],
)
def test_a_broken_revision_does_not_hold_up_its_correction(pods: str, wanted: str, expected: list[str]) -> None:
    owner = stateful_set(3, wanted)
    assert pod_acts(owner, *members(owner, pods)) == expected


def test_pods_below_the_partition_are_made_of_the_former_revision() -> None:
    owner = stateful_set(2, "v2", partition=1)
    plan = plan_for(
        StatefulSetController(), owner, revision(owner, "v1", 1), revision(owner, "v2", 2), member(owner, 1, "v2")
    )
    (made,) = [action.object for action in plan.actions if isinstance(action, Create)]
    assert isinstance(made, Pod)
    assert made.spec.containers[0].command == ("serve", "v1")


def test_a_pod_knows_which_one_it_is() -> None:
    owner = stateful_set(1)
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"))
    (made,) = [action.object for action in plan.actions if isinstance(action, Create)]
    assert made.metadata.labels[POD_NAME] == "db-0"
    assert made.metadata.labels[POD_INDEX] == "0"
    assert made.metadata.labels["controller-revision-hash"] == revision(owner, "v1").metadata.name
    assert [action.message for action in plan.actions if isinstance(action, Emit)] == [
        "create Pod db-0 in StatefulSet db successful"
    ]


def test_an_adopted_pod_is_told_which_one_it_is() -> None:
    owner = stateful_set(1)
    orphan = evolve(member(owner, 0), **{"metadata.owner_references": ()})
    assert pod_acts(owner, orphan) == ["Update db-0 matches_selector"]
    nameless = evolve(member(owner, 0), **{"metadata.labels": {"app": "web"}})
    assert pod_acts(owner, nameless) == ["Update db-0 identity"]


@pytest.mark.parametrize("name", ["db", "db-x", "db-01", "db2-0", "other-0"])
def test_a_pod_of_another_name_is_not_adopted(name: str) -> None:
    owner = stateful_set(1)
    stranger = evolve(member(owner, 0), **{"metadata.owner_references": (), "metadata.name": name})
    assert pod_acts(owner, stranger) == [CREATE.format(0)]


@pytest.mark.parametrize(
    ("phase", "reason", "kind", "word"),
    [
        ("Failed", "RecreatingFailedPod", "Warning", "failed"),
        ("Succeeded", "RecreatingTerminatedPod", "Normal", "terminated"),
    ],
)
def test_a_finished_pod_is_made_anew_and_people_are_told(phase: str, reason: str, kind: str, word: str) -> None:
    owner = stateful_set(1)
    ended = member(owner, 0, phase=phase, is_ready=False)
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"), ended)
    assert ("Delete", "db-0", "pod_finished") in acts(plan)
    (told, _) = [action for action in plan.actions if isinstance(action, Emit)]
    assert (told.reason, told.type) == (reason, kind)
    assert told.message == f"StatefulSet default/db is recreating {word} Pod db-0"
    assert pod_acts(owner, ending(ended)) == []


def test_a_pod_that_fails_at_once_is_not_made_again_at_once() -> None:
    owner = stateful_set(2)
    ended = member(owner, 0, phase="Failed", is_ready=False, age_s=4)
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"), ended)
    assert [act for act in acts(plan) if act[0] != "SetStatus"] == []
    assert plan.requeue_after_s == 6.0
    outdated = stateful_set(2, "v2")
    assert pod_acts(outdated, ended) == [OUTDATED.format(0)]


def test_a_pod_is_available_when_it_was_ready_for_long_enough() -> None:
    owner = stateful_set(2, **{"spec.min_ready_seconds": 10})
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"), member(owner, 0, ready_since=ago(4)))
    assert [act for act in acts(plan) if act[0] == "Create"] == []
    assert plan.requeue_after_s == 6.0
    assert pod_acts(owner, member(owner, 0, ready_since=ago(10))) == [CREATE.format(1)]


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param([namespace(**{"metadata.deletion_timestamp": ago(1)})], id="namespace-going"),
        pytest.param([], id="being-deleted"),
    ],
)
def test_nothing_is_made_for_what_is_going(objects: list[Object]) -> None:
    owner = stateful_set(1) if objects else ending(stateful_set(1))
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"), *objects)
    assert not any(isinstance(action, Create) for action in plan.actions)


def told(owner: StatefulSet, *objects: Object) -> StatefulSetStatus:
    """The status that the pass leaves."""
    plan = plan_for(StatefulSetController(), owner, *objects)
    written = [action.object for action in plan.actions if isinstance(action, SetStatus)]
    return written[0].status if written else owner.status  # type: ignore[attr-defined, no-any-return]


def test_the_status_counts_by_revision() -> None:
    owner = stateful_set(3, "v2")
    status = told(owner, revision(owner, "v1", 1), revision(owner, "v2", 2), *members(owner, "1!12"))
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (3, 2, 2)
    assert (status.current_replicas, status.updated_replicas) == (2, 1)
    assert status.current_revision == revision(owner, "v1").metadata.name
    assert status.update_revision == revision(owner, "v2").metadata.name


def test_an_update_is_over_when_all_are_of_its_revision_and_ready() -> None:
    owner = stateful_set(2, "v2")
    known = revision(owner, "v1", 1), revision(owner, "v2", 2)
    assert told(owner, *known, *members(owner, "22!")).current_revision == known[0].metadata.name
    assert told(owner, *known, *members(owner, "22")).current_revision == known[1].metadata.name
    assert told(owner, *known, *members(owner, "22")).current_replicas == 2


def test_the_first_thing_is_the_revision() -> None:
    owner = stateful_set(1, status=StatefulSetStatus())
    assert acts(plan_for(StatefulSetController(), owner)) == [
        ("Create", revision(owner, "v1").metadata.name, "new_template")
    ]


def test_an_old_template_is_found_again_under_the_highest_number() -> None:
    owner = stateful_set(1, "v1")
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1", 1), revision(owner, "v2", 2))
    (update,) = plan.actions
    assert (update.object.revision, update.reason) == (3, "revision")  # type: ignore[union-attr]


def test_a_name_that_is_taken_is_stepped_aside_from() -> None:
    owner = stateful_set(1)
    foreign = evolve(revision(owner, "v1"), data={"else": 1}, **{"metadata.owner_references": ()})
    foreign = evolve(foreign, **{"metadata.labels": {}})
    plan = plan_for(StatefulSetController(), owner, foreign)
    (write,) = plan.actions
    assert write.object.status.collision_count == 1  # type: ignore[union-attr]
    assert acts(plan_for(StatefulSetController(), write.object, foreign))[0][0] == "Create"


def test_former_revisions_are_kept_up_to_the_limit_unless_a_pod_has_them() -> None:
    owner = stateful_set(1, "v4", **{"spec.revision_history_limit": 1})
    known = [revision(owner, f"v{number}", number) for number in (1, 2, 3, 4)]
    owner = evolve(owner, **{"status.current_revision": known[3].metadata.name})
    plan = plan_for(StatefulSetController(), owner, *known, member(owner, 0, "v4"))
    assert [act[1:] for act in acts(plan) if act[0] == "Delete"] == [
        (known[0].metadata.name, "revision_history_limit"),
        (known[1].metadata.name, "revision_history_limit"),
    ]


def test_what_cannot_be_made_is_told() -> None:
    owner, controller = stateful_set(1), StatefulSetController()
    view = controller.observe(Mirror.of(owner, revision(owner, "v1")), Key(*owner.key), ago(0))
    assert view is not None
    create = next(action for action in controller.reconcile(view).actions if isinstance(action, Create))
    (write,) = controller.refused(view, create, "quota is used up").actions
    (failure,) = write.object.status.conditions  # type: ignore[union-attr]
    assert (failure.type, failure.status, failure.reason, failure.message) == (
        "ReplicaFailure", "True", "FailedCreate", "quota is used up",
    )  # fmt: skip


def test_the_template_of_a_revision_is_what_it_was() -> None:
    from control_plane.controllers.controller_revisions import template_of

    owner = stateful_set(1, "v2")
    assert template_of(revision(owner, "v2")) == template("v2")


def test_a_template_that_was_stored_with_fewer_fields_is_still_the_same_template() -> None:
    """As after an upgrade to a version that knows more fields: nothing is replaced for it."""
    owner, stored = stateful_set(1), revision(stateful_set(1), "v1")
    old = evolve(stored, data={"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {
        "containers": [{"name": "main", "command": ["serve", "v1"]}]}}}})  # fmt: skip
    assert old.data != stored.data
    assert [
        act for act in acts(plan_for(StatefulSetController(), owner, old, member(owner, 0))) if act[0] != "SetStatus"
    ] == []


@pytest.mark.parametrize(
    "data", [{"spec": 1}, {"spec": {"template": 1}}, {"spec": {"template": {"spec": []}}}, {"x": 1}]
)
def test_a_revision_with_something_else_in_it_is_passed_over(data: dict[str, Any]) -> None:
    owner = stateful_set(1)
    strange = evolve(revision(owner, "v9", 7), data=data)
    plan = plan_for(StatefulSetController(), owner, revision(owner, "v1"), strange, member(owner, 0))
    assert [(act[0], act[2]) for act in acts(plan)] == [("Update", "revision")]
