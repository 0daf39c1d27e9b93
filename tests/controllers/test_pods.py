"""What a pod counts as, and which goes first."""

from __future__ import annotations

import random

import pytest

from control_plane.controllers.pods import count_pods, deletion_rank, is_active, is_available
from proto.objects.pod import Pod
from tests.controllers.builders import NOW, ago, ending, pod


@pytest.mark.parametrize(
    ("one", "active"),
    [
        pytest.param(pod("p"), True, id="a running pod is active"),
        pytest.param(pod("p", phase="Pending", is_ready=False), True, id="a pending pod is active"),
        pytest.param(pod("p", phase="Unknown"), True, id="a pod nobody hears of is active"),
        pytest.param(pod("p", phase="Failed"), False, id="a failed pod is not"),
        pytest.param(pod("p", phase="Succeeded"), False, id="a succeeded pod is not"),
        pytest.param(ending(pod("p")), False, id="a pod that is being deleted is not"),
    ],
)
def test_is_active(one: Pod, active: bool) -> None:
    assert is_active(one) is active


@pytest.mark.parametrize(
    ("one", "min_ready_s", "available"),
    [
        pytest.param(pod("p", ready_since=NOW), 0, True, id="without a minimum ready is available"),
        pytest.param(pod("p", is_ready=False), 0, False, id="not ready is not available"),
        pytest.param(pod("p", ready_since=ago(9)), 10, False, id="ready for too short a time"),
        pytest.param(pod("p", ready_since=ago(10)), 10, True, id="ready for exactly the minimum"),
        pytest.param(pod("p", is_ready=False, ready_since=ago(99)), 10, False, id="not ready since long ago"),
    ],
)
def test_is_available(one: Pod, min_ready_s: int, available: bool) -> None:
    assert is_available(one, min_ready_s, NOW) is available


def test_counting_tells_when_the_next_pod_becomes_available() -> None:
    pods = [
        pod("old", ready_since=ago(60)),
        pod("young", ready_since=ago(4)),
        pod("younger", ready_since=ago(1)),
        pod("unready", is_ready=False),
        pod("unlabelled", labels={}),
    ]
    counts = count_pods(pods, {"app": "web"}, 10, NOW)
    assert (counts.replicas, counts.fully_labeled, counts.ready, counts.available) == (5, 4, 4, 2)
    assert counts.next_available_s == 6


COST = {"metadata.annotations": {"controller.kubernetes.io/pod-deletion-cost": "-5"}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((pod("a", node=""), 0), (pod("b"), 0), id="a pod without a node before one with"),
        pytest.param((pod("a", phase="Pending"), 0), (pod("b", phase="Unknown"), 0), id="pending before unknown"),
        pytest.param((pod("a", phase="Unknown"), 0), (pod("b"), 0), id="unknown before running"),
        pytest.param((pod("a", is_ready=False), 0), (pod("b"), 0), id="not ready before ready"),
        pytest.param((pod("a", **COST), 0), (pod("b"), 9), id="a lower deletion cost before a fuller node"),
        pytest.param((pod("a"), 3), (pod("b"), 1), id="one with more siblings on its node first"),
        pytest.param(
            (pod("a", ready_since=ago(1)), 1), (pod("b", ready_since=ago(9)), 1), id="ready for less time first"
        ),
        pytest.param((pod("a", restarts=4), 1), (pod("b", restarts=1), 1), id="restarted more often first"),
        pytest.param((pod("a", age_s=1), 1), (pod("b", age_s=9), 1), id="the younger first"),
        pytest.param(
            (pod("a", ready_since=ago(1)), 1),
            (pod("b", ready_since=ago(9)), 3),
            id="ready for less time before a fuller node",
        ),
        pytest.param((pod("a", age_s=1), 1), (pod("b", age_s=9), 3), id="the younger before a fuller node"),
        pytest.param((pod("a", age_s=11), 3), (pod("b", age_s=10), 1), id="of about one age one on a fuller node"),
        pytest.param((pod("a", age_s=10), 1), (pod("b", age_s=11), 1), id="and then the younger after all"),
        pytest.param((pod("a"), 1), (pod("b"), 1), id="otherwise by uid, so that all agree"),
    ],
)
def test_deletion_order(first: tuple[Pod, int], second: tuple[Pod, int]) -> None:
    assert deletion_rank(*first, NOW) < deletion_rank(*second, NOW)


def test_an_unreadable_deletion_cost_counts_as_none() -> None:
    odd = pod("p", **{"metadata.annotations": {"controller.kubernetes.io/pod-deletion-cost": "cheap"}})
    assert deletion_rank(odd, 0, NOW) == deletion_rank(pod("p"), 0, NOW)


def test_deletion_order_does_not_depend_on_the_order_of_the_list() -> None:
    pods = [pod(f"p{number}", age_s=number % 3, restarts=number % 2) for number in range(20)]
    wanted = sorted(pods, key=lambda each: deletion_rank(each, 0, NOW))
    random.Random(1).shuffle(pods)
    assert sorted(pods, key=lambda each: deletion_rank(each, 0, NOW)) == wanted
