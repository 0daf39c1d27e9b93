"""What the demo notes of pods and nodes, and the rows it makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from proto.objects.core import Node
from proto.objects.meta import Condition
from proto.objects.pod import Pod
from setpoint.demo.lives import PodLife, saw_node, saw_pod
from setpoint.demo.marks import Mark, fullest_node, mark, on_node, present, replacement_marks, serving


def pod(
    name: str = "web-1", *, node: str = "", phase: str = "Pending", ready: bool = False, ending: bool = False
) -> Pod:
    return Pod.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": "default",
                "uid": name,
                **({"deletionTimestamp": datetime(2026, 1, 1, tzinfo=UTC)} if ending else {}),
            },
            "spec": {"nodeName": node},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
        }
    )


def life(name: str, node: str, *, created_s: float = 0.0, ready: bool = True, ending: bool = False) -> PodLife:
    return saw_pod(None, pod(name, node=node, phase="Running", ready=ready, ending=ending), created_s)


def test_each_step_of_a_pods_life_is_noted_when_it_is_first_seen() -> None:
    seen = saw_pod(None, pod(), 1.0)
    seen = saw_pod(seen, pod(node="m1"), 2.0)
    seen = saw_pod(seen, pod(node="m1", phase="Running"), 3.0)
    seen = saw_pod(seen, pod(node="m1", phase="Running", ready=True), 4.0)
    seen = saw_pod(seen, pod(node="m1", phase="Running", ready=True, ending=True), 5.0)
    assert (seen.created_s, seen.bound_s, seen.running_s, seen.ready_s, seen.ending_s) == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert seen.gone_s is None


def test_steps_that_come_at_once_are_noted_at_once() -> None:
    seen = saw_pod(None, pod(node="m1", phase="Running", ready=True), 1.0)
    assert (seen.bound_s, seen.running_s, seen.ready_s) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        pytest.param({}, True, id="ready"),
        pytest.param({"ready": False}, False, id="not ready"),
        pytest.param({"ending": True}, False, id="ready but asked to end"),
    ],
)
def test_who_serves(changed: dict[str, bool], counts: bool) -> None:
    assert life("web-1", "m1", **changed).is_serving is counts  # type: ignore[arg-type]


def test_a_gone_pod_neither_serves_nor_exists() -> None:
    gone = replace(life("web-1", "m1"), gone_s=9.0)
    assert serving([gone]) == present([gone]) == on_node([gone], "m1") == []


def test_a_nodes_readiness_is_dated_by_its_change_alone() -> None:
    def node(status: str) -> Node:
        return Node(status={"conditions": (Condition(type="Ready", status=status),)})  # type: ignore[arg-type]

    seen = saw_node(None, node("True"), 1.0)
    seen = saw_node(seen, node("True"), 2.0)
    assert (seen.ready, seen.since_s) == (True, 1.0)
    seen = saw_node(seen, node("Unknown"), 3.0)
    assert (seen.ready, seen.since_s) == (False, 3.0)


@pytest.mark.parametrize(
    ("row", "when"),
    [
        pytest.param(mark("x", [None], 1, 10.0), "…", id="not yet"),
        pytest.param(mark("x", [9.6], 1, 10.0), "-0.40 s", id="before the start"),
        pytest.param(mark("x", [13.0], 1, 10.0), "+3.00 s", id="once"),
        pytest.param(mark("x", [13.0, 13.001], 2, 10.0), "+3.00 s", id="as good as at once"),
        pytest.param(mark("x", [14.5, None, 13.0], 3, 10.0), "+3.00 … +4.50 s", id="over a while"),
    ],
)
def test_when_something_happened(row: Mark, when: str) -> None:
    assert row.when == when


@pytest.mark.parametrize(
    ("at_s", "wanted", "seen", "complete"),
    [
        pytest.param([None, None], 2, 0, False, id="none of two"),
        pytest.param([1.0, None], 2, 1, False, id="one of two"),
        pytest.param([1.0, 2.0], 2, 2, True, id="both"),
        pytest.param([1.0, 2.0, 3.0], 2, 2, True, id="one more than wanted"),
    ],
)
def test_how_much_of_it_happened(at_s: list[float | None], wanted: int, seen: int, complete: bool) -> None:
    row = mark("x", at_s, wanted, 0.0)
    assert (row.seen, row.complete) == (seen, complete)


def test_replacements_are_the_pods_that_came_after_the_cut() -> None:
    lives = [life("old", "m1", created_s=1.0), life("new-1", "m2", created_s=11.0), life("new-2", "m3", created_s=12.0)]
    created, bound, running, ready = replacement_marks(lives, 2, 10.0)
    assert created == Mark("replacements created", 2, 2, 1.0, 2.0)
    assert all(row.complete for row in (created, bound, running, ready))


def test_the_fullest_node_is_the_one_to_lose() -> None:
    lives = [life("a", "m2"), life("b", "m1"), life("c", "m2"), life("d", "m1"), life("e", "m3", ready=False)]
    assert fullest_node(lives) == "m1"
