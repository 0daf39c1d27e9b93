"""What is planned for one pod, from everything that can be known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node_agent.plan.container_ids import ContainerId, parse_container_id
from node_agent.plan.environment import Host
from node_agent.plan.lives import OOM_KILLS_ANNOTATION, failed_start
from node_agent.plan.pod import plan_pod
from node_agent.plan.view import PodPlan, PodView, Remove, Start, Stop
from node_agent.runtime.port import ContainerPhase, ContainerState, ExitReason
from proto.clock import EPOCH
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from tests.agent.pods import pod

HOST = Host(node="node-1", address="10.0.0.1")
T0 = EPOCH.timestamp()
NOW = EPOCH + timedelta(seconds=100)
SOON, LATER = NOW + timedelta(seconds=30), NOW + timedelta(seconds=60)


def alive(attempt: int = 0, container: str = "app") -> ContainerState:
    return ContainerState(f"u-web.{container}.{attempt}", ContainerPhase.RUNNING, pid=7, started_at_s=T0 + 90)


def dead(
    attempt: int = 0, code: int | None = 1, *, signal: int | None = None, reason: ExitReason = ExitReason.ERROR,
    container: str = "app", at_s: float = 99.0, oom: bool = False,
) -> ContainerState:  # fmt: skip
    return ContainerState(
        f"u-web.{container}.{attempt}", ContainerPhase.EXITED, started_at_s=T0 + 90, finished_at_s=T0 + at_s,
        exit_code=code, signal=signal, reason=reason, oom_killed=oom,
    )  # fmt: skip


def view(*states: ContainerState, of: Pod | None = None, **more: Any) -> PodView:
    return PodView(of or pod("web"), HOST, states=states, **more)


def two(**spec: Any) -> Pod:
    return pod("web", {"name": "a", "command": ["x"]}, {"name": "b", "command": ["y"]}, **spec)


def deleted(of: Pod, grace_s: int = 30) -> Pod:
    changes = {"metadata.deletion_timestamp": EPOCH, "metadata.deletion_grace_period_seconds": grace_s}
    return evolve(of, **changes)


def summary(plan: PodPlan) -> list[tuple[str, str, str]]:
    return [(type(step).__name__, str(step.id), step.reason) for step in plan.steps]


@pytest.mark.parametrize(
    ("seen", "steps", "phase"),
    [
        (view(), [("Start", "u-web.app.0", "first_start")], "Pending"),
        (view(busy=frozenset({"u-web.app.0"})), [], "Pending"),
        (view(alive()), [], "Running"),
        (view(dead()), [("Start", "u-web.app.1", "restart")], "Running"),
        (view(dead(), busy=frozenset({"u-web.app.1"})), [], "Running"),
        (view(dead(code=0), of=pod("web", restartPolicy="Never")), [], "Succeeded"),
        (view(dead(code=3), of=pod("web", restartPolicy="Never")), [], "Failed"),
        (view(dead(code=0), of=pod("web", restartPolicy="OnFailure")), [], "Succeeded"),
        (
            view(dead(code=3), of=pod("web", restartPolicy="OnFailure")),
            [("Start", "u-web.app.1", "restart")],
            "Running",
        ),
        (view(reported=PodStatus(phase="Failed")), [], "Failed"),
        (view(dead(0), dead(1), alive(2)), [("Remove", "u-web.app.0", "superseded")], "Running"),
        (view(dead(0), dead(1), alive(2), busy=frozenset({"u-web.app.0"})), [], "Running"),
        (view(of=two()), [("Start", "u-web.a.0", "first_start"), ("Start", "u-web.b.0", "first_start")], "Pending"),
        (view(alive(container="a"), of=two()), [("Start", "u-web.b.0", "first_start")], "Pending"),
        (
            view(alive(container="a"), dead(code=0, container="b"), of=two(restartPolicy="Never")),
            [],
            "Running",
        ),
        (
            view(dead(code=1, container="a"), dead(code=0, container="b"), of=two(restartPolicy="Never")),
            [],
            "Failed",
        ),
    ],
    ids=[
        "new", "being started", "running", "crashed", "being restarted", "completed", "failed", "on failure, completed",
        "on failure, failed", "ended elsewhere", "third life", "third life, tidied", "two new", "one of two",
        "one of two ended", "both ended",
    ],
)  # fmt: skip
def test_keeping_up(seen: PodView, steps: list[tuple[str, str, str]], phase: str) -> None:
    plan = plan_pod(seen, NOW)
    assert (summary(plan), plan.status.phase, plan.gone) == (steps, phase, False)


WINDING = deleted(pod("web"))


@pytest.mark.parametrize(
    ("seen", "steps", "gone"),
    [
        (view(of=WINDING), [], True),
        (view(alive(), of=WINDING), [("Stop", "u-web.app.0", "pod_deleted")], False),
        (view(alive(), of=WINDING, stopping={"u-web.app.0": SOON}), [], False),
        (view(alive(), of=WINDING, stopping={"u-web.app.0": LATER}), [("Stop", "u-web.app.0", "pod_deleted")], False),
        (view(alive(), assigned=False), [("Stop", "u-web.app.0", "pod_unassigned")], False),
        (view(dead(), of=WINDING), [("Remove", "u-web.app.0", "pod_ended")], False),
        (view(dead(0), alive(1), of=WINDING), [("Stop", "u-web.app.1", "pod_deleted")], False),
        (view(of=WINDING, busy=frozenset({"u-web.app.0"})), [], False),
        (view(assigned=False), [], True),
    ],
    ids=[
        "nothing left", "running", "told to stop", "grace shortened", "taken away", "ended", "one still runs",
        "being started", "taken away, nothing left",
    ],
)  # fmt: skip
def test_winding_down(seen: PodView, steps: list[tuple[str, str, str]], gone: bool) -> None:
    plan = plan_pod(seen, NOW)
    assert (summary(plan), plan.gone) == (steps, gone)


@pytest.mark.parametrize(
    ("of", "grace_s"),
    [
        (deleted(pod("web"), 5), 5.0),
        (deleted(pod("web"), 0), 0.0),
        (pod("web", terminationGracePeriodSeconds=12), 12.0),
    ],
    ids=["deletion", "at once", "taken away"],
)
def test_the_grace_that_is_given(of: Pod, grace_s: float) -> None:
    (stop,) = plan_pod(view(alive(), of=of, assigned=of.deleting), NOW).steps
    assert isinstance(stop, Stop) and stop.grace_s == grace_s


def test_back_off_is_shown_and_ends_by_itself() -> None:
    state = replace(dead(4, code=2), annotations={"setpoint.dev/restart-series": "2"})
    plan = plan_pod(view(state), NOW)
    status = plan.status.container_statuses[0]
    assert plan.steps == ()
    assert plan.wake_at == EPOCH + timedelta(seconds=119)
    assert status.state.waiting is not None
    assert status.state.waiting.reason == "CrashLoopBackOff"
    assert status.state.waiting.message == "back-off 20s restarting failed container=app pod=web_default(u-web)"
    assert status.restart_count == 4
    assert status.last_state.terminated is not None and status.last_state.terminated.exit_code == 2
    (start,) = plan_pod(view(state), NOW + timedelta(seconds=19)).steps
    assert isinstance(start, Start)
    assert (start.id.attempt, start.series) == (5, 3)


def test_a_clock_that_was_set_back_does_not_hold_a_restart_up() -> None:
    state = replace(dead(1, at_s=90_000.0), annotations={"setpoint.dev/restart-series": "2"})
    (start,) = plan_pod(view(state), NOW).steps
    assert isinstance(start, Start)


@pytest.mark.parametrize(
    ("state", "exit_code", "signal", "reason"),
    [
        (dead(code=0, reason=ExitReason.COMPLETED), 0, None, "Completed"),
        (dead(code=3), 3, None, "Error"),
        (dead(code=143, signal=15), 143, 15, "Error"),
        (dead(code=137, signal=9, oom=True), 137, 9, "OOMKilled"),
        (dead(code=None, reason=ExitReason.UNKNOWN), 137, None, "ContainerStatusUnknown"),
        (dead(code=None, reason=ExitReason.REBOOT), 137, None, "ContainerStatusUnknown"),
    ],
    ids=["completed", "error", "signal", "oom", "unknown", "reboot"],
)
def test_how_an_end_is_told(state: ContainerState, exit_code: int, signal: int | None, reason: str) -> None:
    plan = plan_pod(view(state, of=pod("web", restartPolicy="Never")), NOW)
    ended = plan.status.container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.signal, ended.reason) == (exit_code, signal, reason)
    assert ended.container_id == "u-web.app.0"


def test_what_ran_and_is_nowhere_is_unknown_and_runs_again() -> None:
    before = plan_pod(view(alive(3)), NOW).status
    plan = plan_pod(view(reported=before), NOW)
    assert summary(plan) == [("Start", "u-web.app.4", "restart")]
    ended = plan.status.container_statuses[0].state.terminated
    assert ended is not None and (ended.exit_code, ended.reason) == (137, "ContainerStatusUnknown")


def test_what_the_runtime_forgot_is_remembered_from_the_report() -> None:
    never = pod("web", restartPolicy="Never")
    before = plan_pod(view(dead(code=4), of=never), NOW).status
    again = plan_pod(view(of=never, reported=before), NOW + timedelta(hours=1))
    assert again.steps == ()
    assert again.status == before


def test_a_failed_start_is_a_life() -> None:
    failed = failed_start(ContainerId("u-web", "app", 0), 0, "no such file", NOW)
    plan = plan_pod(view(failed={"app": failed}), NOW)
    assert summary(plan) == [("Start", "u-web.app.1", "restart")]
    for attempt, reason in enumerate(("RunContainerError", "RunContainerError", "CrashLoopBackOff")):
        again = failed_start(ContainerId("u-web", "app", attempt), attempt, "no such file", NOW)
        status = plan_pod(view(failed={"app": again}, reported=plan.status), NOW).status.container_statuses[0]
        assert status.state.waiting is not None and status.state.waiting.reason == reason
        assert (status.state.waiting.message == "no such file") is (reason == "RunContainerError")
        assert status.last_state.terminated is not None
        assert (status.last_state.terminated.reason, status.last_state.terminated.exit_code) == ("StartError", 128)
        assert status.restart_count == attempt


def test_transition_times_change_only_with_the_status() -> None:
    first = plan_pod(view(alive()), NOW).status
    later = NOW + timedelta(seconds=60)
    same = plan_pod(view(alive(), reported=first), later).status
    assert same == first
    fallen = plan_pod(view(dead(), reported=first), later).status
    ready = find_condition(fallen.conditions, "Ready")
    assert ready is not None
    assert (ready.status, ready.reason, ready.last_transition_time) == ("False", "ContainersNotReady", later)
    assert ready.message == "containers with unready status: [app]"
    assert fallen.start_time == first.start_time


def test_no_container_of_a_pod_starts_while_one_needs_an_image() -> None:
    plan = plan_pod(view(of=pod("web", {"name": "a", "command": ["x"]}, {"name": "b", "image": "nginx"})), NOW)
    assert plan.steps == () and plan.status.phase == "Pending"
    reasons = [status.state.waiting.reason for status in plan.status.container_statuses if status.state.waiting]
    assert reasons == ["ImagesNotSupported", "ImagesNotSupported"]


@pytest.mark.parametrize("image", ["", "host"])
def test_the_machine_itself_is_an_image(image: str) -> None:
    assert len(plan_pod(view(of=pod("web", {"command": ["x"], "image": image})), NOW).steps) == 1


def test_a_settled_pod_plans_nothing() -> None:
    seen = view(alive())
    settled = replace(seen, reported=plan_pod(seen, NOW).status)
    again = plan_pod(settled, NOW + timedelta(days=1))
    assert (again.steps, again.wake_at, again.gone, again.status) == ((), None, False, settled.reported)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("u.app.0", ContainerId("u", "app", 0)),
        ("a.b.app.12", ContainerId("a.b", "app", 12)),
        ("u.app", None),
        ("u.app.x", None),
        ("u..0", None),
        ("", None),
    ],
)
def test_container_ids(text: str, key: ContainerId | None) -> None:
    assert parse_container_id(text) == key
    assert key is None or str(key) == text


def test_removed_steps_name_the_life() -> None:
    plan = plan_pod(view(dead(0), dead(1), of=WINDING), NOW)
    assert [step.id.attempt for step in plan.steps if isinstance(step, Remove)] == [0, 1]


def test_kills_for_memory_are_counted_from_life_to_life() -> None:
    killed = dead(code=137, oom=True)
    for attempt, count in enumerate((1, 2)):
        (start,) = plan_pod(view(killed), LATER).steps
        assert isinstance(start, Start) and start.oom_kills == count
        annotations = {OOM_KILLS_ANNOTATION: str(start.oom_kills)}
        killed = replace(dead(attempt + 1, code=137, oom=True, at_s=-900), annotations=annotations)
    (start,) = plan_pod(view(replace(killed, oom_killed=False)), LATER).steps
    assert isinstance(start, Start) and start.oom_kills == 2
