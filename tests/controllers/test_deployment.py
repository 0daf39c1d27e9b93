"""Deployment: which ReplicaSets there are, of which revision, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.revisions import current_name, same_template, template_hash
from control_plane.plan import Create, Delete, Emit, Plan, SetStatus, Update
from proto.objects.apps import Deployment, DeploymentStatus, ReplicaSet
from proto.objects.meta import Condition, LabelSelector, evolve, find_condition
from proto.objects.pod import PodSpec
from proto.rollouts import HASH_LABEL, REVISION, REVISION_HISTORY
from tests.controllers.builders import (
    NOW,
    RECREATE,
    acts,
    ago,
    deployment,
    ending,
    namespace,
    plan_for,
    pod,
    replica_set,
    template,
)

CONTROLLER = DeploymentController()
MOVING = ("True", "ReplicaSetUpdated")
FAILED = ("False", "ProgressDeadlineExceeded")
DONE = ("True", "NewReplicaSetAvailable")
WEB = deployment(3)


def mine(version: str = "v1", replicas: int = 3, *, of: int = 3, **more: Any) -> ReplicaSet:
    return replica_set(version, replicas, owner=WEB, of=of, room=of + 1, **more)


def told(plan: Plan) -> DeploymentStatus:
    (written,) = (a.object for a in plan.actions if isinstance(a, SetStatus))
    assert isinstance(written, Deployment)
    return written.status


def condition(plan: Plan, kind: str) -> tuple[str, str]:
    found = find_condition(told(plan).conditions, kind)
    assert found is not None
    return found.status, found.reason


def updated(plan: Plan) -> dict[str, ReplicaSet]:
    return {a.object.metadata.name: a.object for a in plan.actions
            if isinstance(a, Update) and isinstance(a.object, ReplicaSet)}  # fmt: skip


class TestRevisions:
    def test_a_new_template_gets_a_replica_set(self) -> None:
        plan = plan_for(CONTROLLER, WEB)
        (made,) = (a.object for a in plan.actions if isinstance(a, Create))
        assert isinstance(made, ReplicaSet)
        digest = template_hash(WEB.spec.template, 0)
        assert made.metadata.name == f"web-{digest}"
        assert made.metadata.labels == {"app": "web", HASH_LABEL: digest} == made.spec.template.metadata.labels
        assert made.spec.selector.match_labels == {"app": "web", HASH_LABEL: digest}
        assert made.metadata.annotations[REVISION] == "1"
        assert made.spec.replicas == 3
        assert made.metadata.owner_references == (WEB.owner_reference(),)

    def test_the_deployments_annotations_are_copied_but_not_kubectls(self) -> None:
        notes = {"kubernetes.io/change-cause": "why", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
        plan = plan_for(CONTROLLER, evolve(WEB, **{"metadata.annotations": notes}))
        (made,) = (a.object for a in plan.actions if isinstance(a, Create))
        assert made.metadata.annotations["kubernetes.io/change-cause"] == "why"
        assert "kubectl.kubernetes.io/last-applied-configuration" not in made.metadata.annotations

    def test_the_second_revision_counts_on(self) -> None:
        plan = plan_for(CONTROLLER, evolve(WEB, **{"spec.template": template("v2")}), mine("v1", revision=4))
        (made,) = (a.object for a in plan.actions if isinstance(a, Create))
        assert made.metadata.annotations[REVISION] == "5"

    def test_going_back_finds_the_old_replica_set_and_renumbers_it(self) -> None:
        old, newer = mine("v1", 0, revision=1), mine("v2", 3, revision=2)
        plan = plan_for(CONTROLLER, WEB, old, newer)
        assert not [a for a in plan.actions if isinstance(a, Create)]
        again = updated(plan)["web-v1"]
        assert again.metadata.annotations[REVISION] == "3"
        (shown,) = (a.object for a in plan.actions if isinstance(a, Update) and isinstance(a.object, Deployment))
        assert shown.metadata.annotations[REVISION] == "3"
        assert again.metadata.annotations[REVISION_HISTORY] == "1"
        assert again.spec.replicas == 1

    def test_the_deployment_shows_the_number_of_its_revision(self) -> None:
        plan = plan_for(CONTROLLER, WEB, mine("v1", revision=2))
        assert acts(plan) == [("Update", "web", "revision")]
        assert plan.actions[0].object.metadata.annotations[REVISION] == "2"

    def test_min_ready_seconds_reach_the_current_replica_set(self) -> None:
        plan = plan_for(CONTROLLER, evolve(WEB, **{"spec.min_ready_seconds": 7}), mine())
        assert updated(plan)["web-v1"].spec.min_ready_seconds == 7

    def test_a_taken_name_is_a_collision(self) -> None:
        stranger = evolve(replica_set("v9"), **{"metadata.name": current_name(WEB), "metadata.labels": {"x": "y"}})
        plan = plan_for(CONTROLLER, WEB, stranger)
        assert told(plan).collision_count == 1
        assert not [a for a in plan.actions if isinstance(a, Create)]
        assert current_name(evolve(WEB, **{"status.collision_count": 1})) != current_name(WEB)

    def test_a_replica_set_with_our_labels_and_no_owner_is_adopted(self) -> None:
        assert acts(plan_for(CONTROLLER, WEB, replica_set("v1"))) == [("Update", "web-v1", "matches_selector")]

    def test_of_two_with_the_same_template_the_oldest_is_current(self) -> None:
        twin = evolve(mine("v1", 3, age_s=10.0), **{"metadata.name": "web-twin", "metadata.uid": "uid-twin"})
        plan = plan_for(CONTROLLER, WEB, twin, mine("v1", 3))
        assert updated(plan)["web-twin"].spec.replicas == 0

    @pytest.mark.parametrize(
        ("limit", "former", "deleted"),
        [
            pytest.param(10, 3, [], id="few are kept"),
            pytest.param(1, 3, ["web-f1", "web-f2"], id="beyond the limit the lowest revisions go"),
            pytest.param(0, 2, ["web-f1", "web-f2"], id="a limit of none keeps none"),
        ],
    )
    def test_history_is_trimmed(self, limit: int, former: int, deleted: list[str]) -> None:
        web = evolve(complete(), **{"spec.revision_history_limit": limit})
        olds = [mine(f"f{number}", 0, revision=number) for number in range(1, former + 1)]
        plan = plan_for(CONTROLLER, web, mine("v1", revision=9), *olds)
        assert [a.object.metadata.name for a in plan.actions if isinstance(a, Delete)] == deleted

    @pytest.mark.parametrize(
        "busy",
        [
            pytest.param({"replicas": 0, "pods": 1}, id="it still has a pod"),
            pytest.param({"replicas": 0, "metadata.generation": 2}, id="its controller has not seen it is empty"),
        ],
    )
    def test_an_old_revision_in_use_is_kept(self, busy: dict[str, Any]) -> None:
        web = evolve(complete(), **{"spec.revision_history_limit": 0})
        plan = plan_for(CONTROLLER, web, mine("v1", revision=9), mine("f1", revision=1, **busy))
        assert not [a for a in plan.actions if isinstance(a, Delete)]

    def test_nothing_is_trimmed_during_a_rollout(self) -> None:
        web = evolve(WEB, **{"spec.revision_history_limit": 0})
        plan = plan_for(CONTROLLER, web, mine("v1", available=1), mine("f1", 0))
        assert not [a for a in plan.actions if isinstance(a, Delete)]

    def test_templates_are_equal_whatever_their_hash_label_and_the_order_of_labels(self) -> None:
        one = evolve(template(), **{"metadata.labels": {"a": "1", "b": "2", HASH_LABEL: "x"}})
        other = evolve(template(), **{"metadata.labels": {"b": "2", "a": "1"}})
        assert same_template(one, other)
        assert not same_template(one, template())
        assert not same_template(template("v1"), template("v2"))
        ordered = evolve(template(), **{"metadata.labels": {"a": "1", "b": "2"}})
        assert template_hash(ordered, 0) == template_hash(other, 0) != template_hash(other, 1)

    def test_a_field_at_its_default_does_not_make_another_template(self) -> None:
        explicit = evolve(template(), **{"spec.restart_policy": "Always", "spec.termination_grace_period_seconds": 30})
        assert template_hash(explicit, 0) == template_hash(template(), 0)
        assert PodSpec().restart_policy == "Always"


def complete() -> Deployment:
    """Three of three, told as such."""
    return evolve(
        WEB,
        **{
            "metadata.annotations": {REVISION: "9"},
            "status": DeploymentStatus(
                observed_generation=1, replicas=3, updated_replicas=3, ready_replicas=3, available_replicas=3,
                terminating_replicas=0, conditions=(
                    Condition(type="Available", status="True", reason="MinimumReplicasAvailable",
                              message="Deployment has minimum availability."),
                    progressing("True", "NewReplicaSetAvailable", 50),
                ),
            ),
        },
    )  # fmt: skip


def progressing(status: str, reason: str, since_s: float) -> Condition:
    return Condition(
        type="Progressing", status=status, reason=reason, last_update_time=ago(since_s),  # type: ignore[arg-type]
        last_transition_time=ago(since_s),
    )  # fmt: skip


class TestSteps:
    def test_a_complete_deployment_is_left_alone(self) -> None:
        assert plan_for(CONTROLLER, complete(), mine("v1", revision=9)) == Plan()

    @pytest.mark.parametrize(
        "unsettled",
        [
            pytest.param({"metadata.generation": 2}, id="its controller has not seen its size"),
            pytest.param({"status.replicas": 5}, id="it has pods above its size"),
        ],
    )
    def test_nothing_is_resized_while_a_replica_set_has_not_settled(self, unsettled: dict[str, Any]) -> None:
        web = evolve(WEB, **{"spec.template": template("v2")})
        steps = plan_for(CONTROLLER, web, mine("v1", 3), mine("v2", 1, of=3, revision=2))
        assert ("Update", "web-v1", "scale_down") in acts(steps)
        waits = plan_for(CONTROLLER, web, evolve(mine("v1", 3), **unsettled), mine("v2", 1, of=3, revision=2))
        assert not updated(waits)

    def test_a_new_revision_waits_for_settled_ones(self) -> None:
        web = evolve(WEB, **{"spec.template": template("v2")})
        plan = plan_for(CONTROLLER, web, evolve(mine("v1"), **{"metadata.generation": 2}))
        assert not [a for a in plan.actions if isinstance(a, Create)]

    def test_scaling_is_told(self) -> None:
        plan = plan_for(CONTROLLER, evolve(complete(), **{"spec.replicas": 5}), mine("v1", revision=9))
        assert updated(plan)["web-v1"].spec.replicas == 5
        messages = [a.message for a in plan.actions if isinstance(a, Emit)]
        assert messages == ["Scaled up replica set web-v1 from 3 to 5"]

    def test_paused_it_starts_no_revision(self) -> None:
        web = evolve(WEB, **{"spec.paused": True, "spec.template": template("v2")})
        plan = plan_for(CONTROLLER, web, mine("v1"))
        assert not [a for a in plan.actions if isinstance(a, Create | Update)]
        assert condition(plan, "Progressing") == ("Unknown", "DeploymentPaused")

    def test_paused_in_the_middle_it_moves_nothing_but_answers_scaling(self) -> None:
        web = evolve(WEB, **{"spec.paused": True, "spec.template": template("v2")})
        half = (mine("v1", 2), mine("v2", 1, revision=2))
        assert not updated(plan_for(CONTROLLER, web, *half))
        scaled = updated(plan_for(CONTROLLER, evolve(web, **{"spec.replicas": 6}), *half))
        assert {name: each.spec.replicas for name, each in scaled.items()} == {"web-v1": 6, "web-v2": 2}

    def test_resumed_the_deadline_starts_anew(self) -> None:
        paused = (progressing("Unknown", "DeploymentPaused", 9999),)
        web = evolve(WEB, **{"status.conditions": paused, "metadata.annotations": {REVISION: "1"}})
        plan = plan_for(CONTROLLER, web, mine("v1", pods=0))
        assert condition(plan, "Progressing") == ("Unknown", "DeploymentResumed")
        assert plan.requeue_after_s == 600

    @pytest.mark.parametrize(
        "leftover",
        [
            pytest.param(pod("old", mine("v1", 0)), id="running"),
            pytest.param(ending(pod("old", mine("v1", 0))), id="being deleted"),
        ],
    )
    def test_recreate_waits_for_every_former_pod(self, leftover: Any) -> None:
        web = evolve(WEB, **{"spec.template": template("v2"), **RECREATE})
        ends = plan_for(CONTROLLER, web, mine("v1", 3))
        assert updated(ends)["web-v1"].spec.replicas == 0
        waits = plan_for(CONTROLLER, web, mine("v1", 0), leftover)
        assert not [a for a in waits.actions if isinstance(a, Create | Update)]
        failed = evolve(leftover, **{"status.phase": "Failed"})
        for gone in ((), (failed,)):
            begins = plan_for(CONTROLLER, web, mine("v1", 0), *gone)
            (made,) = (a.object for a in begins.actions if isinstance(a, Create))
            assert isinstance(made, ReplicaSet)
            assert made.spec.replicas == 3

    def test_being_deleted_it_only_tells(self) -> None:
        plan = plan_for(CONTROLLER, ending(evolve(WEB, **{"spec.template": template("v2")})), mine("v1", 2))
        assert {type(a) for a in plan.actions} == {SetStatus}

    def test_in_a_terminating_namespace_it_makes_nothing(self) -> None:
        assert not [a for a in plan_for(CONTROLLER, WEB, ending(namespace())).actions if isinstance(a, Create)]

    def test_an_empty_selector_chooses_nothing(self) -> None:
        assert plan_for(CONTROLLER, evolve(WEB, **{"spec.selector": LabelSelector()}), replica_set()) == Plan()


class TestStatus:
    def test_counts(self) -> None:
        web = evolve(deployment(10), **{"spec.template": template("v2"), "metadata.annotations": {REVISION: "2"}})
        plan = plan_for(
            CONTROLLER, web, mine("v1", 8, available=7, of=10), mine("v2", 5, pods=4, available=1, of=10, revision=2),
        )  # fmt: skip
        status = told(plan)
        assert (status.replicas, status.updated_replicas, status.ready_replicas) == (12, 4, 8)
        assert (status.available_replicas, status.unavailable_replicas, status.observed_generation) == (8, 5, 1)
        assert condition(plan, "Available") == ("True", "MinimumReplicasAvailable")

    @pytest.mark.parametrize(
        ("available", "status"), [pytest.param(3, "True", id="at the floor"), pytest.param(2, "False", id="below it")]
    )
    def test_availability(self, available: int, status: str) -> None:
        web = evolve(deployment(4, unavailable=1), **{"metadata.annotations": {REVISION: "1"}})
        plan = plan_for(CONTROLLER, web, mine("v1", 4, available=available, of=4))
        assert condition(plan, "Available")[0] == status

    @pytest.mark.parametrize(
        ("before", "available", "after"),
        [
            pytest.param(None, 1, MOVING, id="a first look is progress"),
            pytest.param((*MOVING, 700), 2, MOVING, id="one more is progress"),
            pytest.param((*MOVING, 599), 1, MOVING, id="in time nothing is said"),
            pytest.param((*MOVING, 600), 1, FAILED, id="then it failed"),
            pytest.param((*FAILED, 9), 2, MOVING, id="later progress heals"),
            pytest.param((*FAILED, 9), 3, DONE, id="late is done too"),
            pytest.param(("True", "NewReplicaSetCreated", 9), 3, DONE, id="all there is done"),
            pytest.param((*DONE, 9999), 1, DONE, id="a pod that fails after that is not a failed rollout"),
        ],
    )
    def test_progress(self, before: tuple[str, str, float] | None, available: int, after: tuple[str, str]) -> None:
        was = DeploymentStatus(
            replicas=3, updated_replicas=3, ready_replicas=1, available_replicas=1,
            conditions=() if before is None else (progressing(*before),),
        )  # fmt: skip
        web = evolve(WEB, **{"status": was, "metadata.annotations": {REVISION: "1"}})
        assert condition(plan_for(CONTROLLER, web, mine("v1", available=available)), "Progressing") == after

    def test_progress_restarts_the_deadline_and_keeps_since_when(self) -> None:
        was = DeploymentStatus(
            replicas=3, updated_replicas=3, conditions=(progressing("True", "ReplicaSetUpdated", 90),)
        )
        web = evolve(WEB, **{"status": was, "metadata.annotations": {REVISION: "1"}})
        plan = plan_for(CONTROLLER, web, mine("v1", available=1))
        found = find_condition(told(plan).conditions, "Progressing")
        assert found is not None
        assert (found.last_update_time, found.last_transition_time) == (NOW, ago(90))
        assert plan.requeue_after_s == 600

    def test_a_rollout_that_never_began_to_move_still_times_out(self) -> None:
        """The condition of the finished rollout before it does not protect it (in Kubernetes it does)."""
        web = evolve(complete(), **{"spec.template": template("v2"), "metadata.annotations": {REVISION: "10"}})
        begun = plan_for(CONTROLLER, web, mine("v1", 3, revision=9), mine("v2", 1, pods=0, revision=10))
        assert condition(begun, "Progressing") == ("True", "ReplicaSetUpdated")

    def test_without_a_deadline_nothing_is_said_about_progress(self) -> None:
        web = evolve(complete(), **{"spec.progress_deadline_seconds": 2**31 - 1})
        assert find_condition(told(plan_for(CONTROLLER, web, mine("v1", revision=9))).conditions, "Progressing") is None

    def test_a_replica_sets_failure_is_the_deployments(self) -> None:
        failure = Condition(type="ReplicaFailure", status="True", reason="FailedCreate", message="no")
        broken = evolve(mine("v1", revision=9), **{"status.conditions": (failure,)})
        plan = plan_for(CONTROLLER, complete(), broken)
        assert condition(plan, "ReplicaFailure") == ("True", "FailedCreate")
        (written,) = (a.object for a in plan.actions if isinstance(a, SetStatus))
        healed = plan_for(CONTROLLER, written, mine("v1", revision=9))
        assert find_condition(told(healed).conditions, "ReplicaFailure") is None
