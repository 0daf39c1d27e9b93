"""Job: enough successes, no more pods than wanted, every end counted once, and an end with the right reason."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.controllers.job import JobController
from control_plane.controllers.job_cleanup import FinishedJobsGarbage, LeftBehindPods
from control_plane.controllers.job_pods import INDEX, TRACKING, index_of, is_tracked
from control_plane.controllers.job_policies import delay
from control_plane.plan import Delete, Emit
from proto.intervals import Intervals
from proto.objects.batch import (
    Job,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from tests.controllers.builders import namespace
from tests.controllers.jobs import finish, indexed, job, live, the_job
from tests.controllers.nodes import Machines
from tests.controllers.world import World

CONTROLLERS = (JobController(), FinishedJobsGarbage(), LeftBehindPods())


def world_with(wanted: Job) -> World:
    world = World(namespace(), wanted, controllers=CONTROLLERS)
    world.settle()
    return world


def finish_all(world: World, exit_code: int = 0) -> None:
    for pod in live(world):
        finish(world, pod, exit_code)
    world.settle()


def stop_deleted(world: World) -> None:
    """What nodes do with pods that are being deleted."""
    while any(pod.deleting for pod in world.all(Pod)):
        for pod in world.all(Pod):
            if pod.deleting:
                world.delete(pod, grace_s=0)
        world.settle()


def conditions(world: World) -> dict[str, str]:
    return {each.type: each.reason for each in the_job(world).status.conditions if each.status == "True"}


def test_as_many_pods_as_may_run_at_a_time_until_enough_have_succeeded() -> None:
    world = world_with(job(completions=5, parallelism=2))
    seen = []
    while live(world):
        seen.append(len(live(world)))
        finish_all(world)
    status = the_job(world).status
    assert seen == [2, 2, 1]
    assert (status.succeeded, status.failed, status.active, status.settled_slots) == (5, 0, 0, "0-4")
    assert conditions(world) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    assert status.completion_time == world.now
    assert not [pod for pod in world.all(Pod) if is_tracked(pod)]
    world.assert_fixpoint()


def test_a_work_queue_ends_with_the_pods_that_are_left_after_the_first_success() -> None:
    world = world_with(job(completions=None, parallelism=3))
    first, *others = live(world)
    finish(world, first)
    world.settle()
    assert len(live(world)) == 2 and not conditions(world)
    for pod in others:
        finish(world, pod)
    world.settle()
    assert "Complete" in conditions(world)
    assert the_job(world).status.succeeded == 3


def test_every_index_has_a_pod_that_is_told_its_index() -> None:
    world = world_with(indexed(completions=3, parallelism=3))
    pods = live(world)
    assert [index_of(pod) for pod in pods] == [0, 1, 2]
    assert [pod.metadata.name.rsplit("-", 1)[0] for pod in pods] == ["work-0", "work-1", "work-2"]
    assert [pod.metadata.labels[INDEX] for pod in pods] == ["0", "1", "2"]
    (variable,) = pods[0].spec.containers[0].env
    assert variable.name == "JOB_COMPLETION_INDEX"
    finish(world, pods[0])
    finish(world, pods[2])
    world.settle()
    assert the_job(world).status.completed_indexes == "0,2"


def test_a_failed_index_is_tried_again_under_another_name_after_a_delay() -> None:
    world = world_with(indexed(completions=1))
    (first,) = live(world)
    finish(world, first, 1)
    world.settle()
    assert live(world) == []
    world.advance(10)
    world.settle()
    (second,) = live(world)
    assert index_of(second) == 0 and second.metadata.name != first.metadata.name


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (5, 160), (6, 320), (7, 360), (10_000, 360)]
)
def test_tries_are_delayed_longer_and_longer(failures: int, seconds: float) -> None:
    assert delay(failures).total_seconds() == seconds


def test_too_many_failures_end_the_job_and_stop_what_runs() -> None:
    world = world_with(job(completions=4, parallelism=2, backoff_limit=1))
    first, second = live(world)
    finish(world, first, 1)
    world.settle()
    world.advance(10)
    world.settle()
    finish(world, next(pod for pod in live(world) if pod.metadata.name != second.metadata.name), 1)
    world.settle()
    stop_deleted(world)
    assert conditions(world) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert the_job(world).status.failed == 3
    assert the_job(world).status.completion_time is None
    world.assert_fixpoint()


def test_restarts_in_place_count_towards_the_limit() -> None:
    world = world_with(job(1, backoff_limit=2, **{"template.spec.restart_policy": "OnFailure"}))
    (pod,) = live(world)
    world.put(evolve(pod, **{"status.container_statuses": (ContainerStatus(name="main", restart_count=2),)}))
    world.settle()
    assert conditions(world)["FailureTarget"] == "BackoffLimitExceeded"


def test_the_deadline_ends_the_job() -> None:
    world = world_with(job(active_deadline_seconds=30))
    world.advance(29)
    world.settle()
    assert not conditions(world)
    world.advance(1)
    world.settle()
    stop_deleted(world)
    assert conditions(world)["Failed"] == "DeadlineExceeded"


def test_suspension_stops_pods_without_counting_them_and_the_clock_of_the_deadline() -> None:
    world = world_with(job(active_deadline_seconds=30))
    world.advance(20)
    world.update(the_job(world), **{"spec.suspend": True})
    world.settle()
    stop_deleted(world)
    status = the_job(world).status
    assert (status.active, status.failed, status.start_time, live(world)) == (0, 0, None, [])
    assert conditions(world) == {"Suspended": "JobSuspended"}
    world.advance(100)
    world.update(the_job(world), **{"spec.suspend": False})
    world.settle()
    assert len(live(world)) == 2 and not conditions(world)
    assert the_job(world).status.start_time == world.now
    assert [event.reason for event in world.events if event.message.startswith("Job")] == ["Suspended", "Resumed"]


def test_a_smaller_parallelism_stops_the_surplus_without_counting_it() -> None:
    world = world_with(job(completions=6, parallelism=4))
    world.update(the_job(world), **{"spec.parallelism": 1})
    world.settle()
    stop_deleted(world)
    assert (len(live(world)), the_job(world).status.failed) == (1, 0)


def rule(action: Any, *codes: int, operator: Any = "In") -> PodFailurePolicyRule:
    wanted = PodFailurePolicyOnExitCodesRequirement(operator=operator, values=codes)
    return PodFailurePolicyRule(action=action, on_exit_codes=wanted)


@pytest.mark.parametrize(
    ("rules", "failed", "reason"),
    [
        pytest.param((rule("FailJob", 42),), 1, "PodFailurePolicy", id="FailJob ends the Job at once"),
        pytest.param((rule("Ignore", 42),), 0, "", id="Ignore does not count"),
        pytest.param((rule("Count", 42), rule("FailJob", 42)), 1, "", id="the first that matches decides"),
        pytest.param((rule("FailJob", 1, 2),), 1, "", id="none that matches: it counts"),
        pytest.param((rule("FailJob", 1, operator="NotIn"),), 1, "PodFailurePolicy", id="NotIn"),
    ],
)
def test_the_failure_policy_judges(rules: tuple[PodFailurePolicyRule, ...], failed: int, reason: str) -> None:
    world = world_with(job(1, pod_failure_policy=PodFailurePolicy(rules=rules), pod_replacement_policy="Failed"))
    finish_all(world, 42)
    assert the_job(world).status.failed == failed
    assert conditions(world).get("Failed", "") == reason


def test_the_failure_policy_says_what_matched() -> None:
    policy = PodFailurePolicy(rules=(rule("FailJob", 42),))
    world = world_with(job(1, pod_failure_policy=policy, pod_replacement_policy="Failed"))
    (pod,) = live(world)
    finish_all(world, 42)
    failed = find_condition(the_job(world).status.conditions, "Failed")
    assert failed is not None and failed.message == (
        f"Container main for pod default/{pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0"
    )


def test_a_limit_for_each_index_lets_the_others_go_on() -> None:
    world = world_with(indexed(3, 3, backoff_limit=2**31 - 1, backoff_limit_per_index=0))
    first, *others = live(world)
    finish(world, first, 1)
    for pod in others:
        finish(world, pod)
    world.settle()
    status = the_job(world).status
    assert (status.failed_indexes, status.completed_indexes) == ("0", "1,2")
    assert conditions(world)["Failed"] == "FailedIndexes"


def test_too_many_failed_indexes_end_the_job() -> None:
    world = world_with(indexed(9, 3, backoff_limit=2**31 - 1, backoff_limit_per_index=0, max_failed_indexes=1))
    finish_all(world, 1)
    stop_deleted(world)
    assert conditions(world)["Failed"] == "MaxFailedIndexesExceeded"


@pytest.mark.parametrize(
    ("wanted", "done", "met"),
    [
        pytest.param(SuccessPolicyRule(succeeded_count=1), [2], True, id="so many"),
        pytest.param(SuccessPolicyRule(succeeded_indexes="0,1"), [0], False, id="not all of these"),
        pytest.param(SuccessPolicyRule(succeeded_indexes="0,1"), [0, 1], True, id="all of these"),
        pytest.param(SuccessPolicyRule(succeeded_indexes="0,1", succeeded_count=1), [1], True, id="one of these"),
        pytest.param(SuccessPolicyRule(succeeded_indexes="0,1", succeeded_count=1), [2], False, id="another"),
    ],
)
def test_the_success_policy_is_enough(wanted: SuccessPolicyRule, done: list[int], met: bool) -> None:
    world = world_with(indexed(4, 4, success_policy=SuccessPolicy(rules=(wanted,))))
    for pod in live(world):
        if index_of(pod) in done:
            finish(world, pod)
    world.settle()
    stop_deleted(world)
    assert conditions(world).get("Complete") == ("SuccessPolicy" if met else None)
    assert the_job(world).status.failed == 0


def test_a_deleted_pod_has_failed_and_is_replaced_and_counted_once() -> None:
    world = world_with(job(2, 2))
    world.put(evolve(live(world)[0], **{"spec.node_name": "n1"}))
    world.delete(next(pod for pod in live(world) if pod.spec.node_name))
    world.settle()
    assert the_job(world).status.failed == 1
    world.advance(10)
    world.settle()
    assert len(live(world)) == 2
    stop_deleted(world)
    assert the_job(world).status.failed == 1


def test_a_pod_that_must_have_failed_first_is_not_replaced_while_it_ends() -> None:
    world = world_with(job(2, 2, pod_replacement_policy="Failed"))
    world.put(evolve(live(world)[0], **{"spec.node_name": "n1"}))
    world.delete(next(pod for pod in live(world) if pod.spec.node_name))
    world.advance(100)
    world.settle()
    assert (len(live(world)), the_job(world).status.failed, the_job(world).status.terminating) == (1, 0, 1)
    stop_deleted(world)
    world.advance(100)
    world.settle()
    assert (len(live(world)), the_job(world).status.failed) == (2, 1)


def test_a_pod_forced_away_is_counted_before_it_vanishes() -> None:
    world = world_with(job(1, 1))
    world.delete(live(world)[0], grace_s=0)
    assert len(world.all(Pod)) == 1, "its finalizer holds it"
    world.settle()
    assert (the_job(world).status.failed, len(world.all(Pod))) == (1, 0)


def test_a_job_with_a_time_to_live_goes_after_it() -> None:
    world = world_with(job(1, ttl_seconds_after_finished=60))
    finish_all(world)
    world.advance(59)
    world.settle()
    assert world.all(Job)
    world.advance(1)
    world.settle()
    assert world.all(Job)[0].metadata.finalizers == ("foregroundDeletion",)


def test_pods_of_a_job_that_is_gone_are_let_go() -> None:
    world = world_with(job(2, 2))
    world.delete(the_job(world))
    world.settle()
    assert not [pod for pod in world.all(Pod) if is_tracked(pod)]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"metadata.annotations": {}}, id="its slot was taken away"),
        pytest.param({"metadata.finalizers": ()}, id="its finalizer was taken away"),
    ],
)
def test_a_pod_that_cannot_be_counted_is_replaced(spoil: dict[str, Any]) -> None:
    world = world_with(indexed(1))
    world.put(evolve(live(world)[0], **spoil))
    world.settle()
    stop_deleted(world)
    (pod,) = live(world)
    assert is_tracked(pod) and index_of(pod) == 0
    assert the_job(world).status.failed == 0


def test_an_indexed_job_grows_and_shrinks() -> None:
    world = world_with(indexed(4, 4))
    finish(world, live(world)[3])
    world.settle()
    world.update(the_job(world), **{"spec.completions": 2, "spec.parallelism": 2})
    world.settle()
    stop_deleted(world)
    assert [index_of(pod) for pod in live(world)] == [0, 1]
    assert the_job(world).status.completed_indexes == ""
    world.update(the_job(world), **{"spec.completions": 4, "spec.parallelism": 4})
    world.settle()
    assert [index_of(pod) for pod in live(world)] == [0, 1, 2, 3]


def test_a_lost_node_does_not_hold_up_the_end() -> None:
    world = World(namespace(), job(1, 1))
    machines = Machines(world, "n1", "n2")
    world.settle(machines.work)
    (first,) = live(world)
    world.delete(first)
    ready = find_condition(world.all(Pod)[0].status.conditions, "Ready")
    assert ready is not None
    lost = evolve(world.all(Pod)[0], **{"status.conditions": (evolve(ready, status="False", reason="NodeLost"),)})
    world.put(lost)
    machines.lose(first.spec.node_name)
    world.settle(machines.work)
    world.advance(10)
    world.settle(machines.work)
    (second,) = live(world)
    finish(world, second)
    world.settle(machines.work)
    assert "Complete" in conditions(world)


@pytest.mark.parametrize(
    ("manager", "pods"),
    [
        pytest.param("kubernetes.io/job-controller", 2, id="by us"),
        pytest.param("acme.io/queue", 0, id="by somebody else"),
    ],
)
def test_a_job_may_be_managed_by_somebody_else(manager: str, pods: int) -> None:
    world = world_with(job(2, 2, managed_by=manager))
    assert len(world.all(Pod)) == pods
    assert (the_job(world).status.start_time is None) == (pods == 0)


def test_people_are_told() -> None:
    world = world_with(job(1))
    (pod,) = live(world)
    finish_all(world)
    assert [(event.reason, event.message) for event in world.events if isinstance(event, Emit)] == [
        ("SuccessfulCreate", f"Created pod: {pod.metadata.name}"),
        ("Completed", "Job completed"),
    ]


def test_a_finished_pod_is_never_deleted_with_the_rest() -> None:
    world = world_with(job(1))
    (pod,) = live(world)
    finish_all(world)
    (kept,) = world.all(Pod)
    assert (kept.metadata.name, kept.deleting, TRACKING in kept.metadata.finalizers) == (
        pod.metadata.name,
        False,
        False,
    )
    assert not [event for event in world.events if isinstance(event, Delete)]


@pytest.mark.parametrize("text", ["", "0", "0-3", "0,1", "0,2-4,7", "5-9,11"])
def test_intervals_keep_their_text(text: str) -> None:
    assert str(Intervals.parse(text)) == text


@pytest.mark.parametrize("text", ["a", "1,", "3-1", "1,1", "2,1", "1-3,2", "-1", "1--2", " 1"])
def test_intervals_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"cannot convert|non-increasing"):
        Intervals.parse(text)
