"""Which of several possible nodes is preferred, and how a batch spreads."""

from __future__ import annotations

from collections import Counter

import pytest

from proto.objects.container import ContainerPort
from proto.objects.core import Node, Taint
from proto.objects.pod import Pod
from tests.scheduling.making import ROOMY, a_node, a_pod, knowing, pods_like

SOFT = Taint(key="old", effect="PreferNoSchedule")

PREFERENCES: dict[str, tuple[list[Node], list[Pod], Pod, str]] = {
    "the first name among equals": ([a_node("b"), a_node("a")], [], a_pod("p"), "a"),
    "the emptier node": (
        [a_node("a"), a_node("b")], [a_pod("q", requests={"cpu": "1", "memory": "2Gi"}, node="a")], a_pod("p"), "b",
    ),
    "fewer pods where nobody requests anything": ([a_node("a"), a_node("b")], [a_pod("q", node="a")], a_pod("p"), "b"),
    "the larger machine": (
        [a_node("a"), a_node("b", {**ROOMY, "cpu": "8"})], [], a_pod("p", requests={"cpu": "1"}), "b",
    ),
    "even use of cpu and memory": (
        [a_node("a"), a_node("b")],
        [a_pod("q", requests={"cpu": "2"}, node="a"), a_pod("r", requests={"memory": "4Gi"}, node="b")],
        a_pod("p", requests={"cpu": "2"}), "b",
    ),
    "a full machine to one with a soft taint": (
        [a_node("a", taints=[SOFT]), a_node("b")], [a_pod("q", requests={"cpu": "3"}, node="b", owner="o")],
        a_pod("p", requests={"cpu": "1"}, owner="o"), "b",
    ),
    "a node without its siblings to an emptier one": (
        [a_node("a"), a_node("b")],
        [a_pod("q", node="a", owner="o"), a_pod("r", requests={"cpu": "3", "memory": "7Gi"}, node="b")],
        a_pod("p", owner="o"), "b",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("nodes", "running", "pod", "wanted"), PREFERENCES.values(), ids=PREFERENCES.keys())
def test_prefers(nodes: list[Node], running: list[Pod], pod: Pod, wanted: str) -> None:
    (decision,) = knowing(nodes, running).place([pod])
    assert decision.node == wanted


@pytest.mark.parametrize("requests", [{}, {"cpu": "100m", "memory": "64Mi"}, {"cpu": "100m"}], ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_ten_replicas_over_five_equal_machines_go_two_each(requests: dict[str, str], together: bool) -> None:
    scheduling = knowing([a_node(f"n{i}") for i in range(5)], [])
    pods = pods_like(10, owner="rs", requests=requests)
    decisions = scheduling.place(pods) if together else [scheduling.place([pod])[0] for pod in pods]
    assert Counter(d.node for d in decisions) == {f"n{i}": 2 for i in range(5)}


def test_owners_are_spread_each_for_itself() -> None:
    scheduling = knowing(
        [a_node(f"n{i}") for i in range(3)], [a_pod(f"old-{i}", node="n0", owner="a") for i in range(3)]
    )
    decisions = scheduling.place(
        [a_pod(f"a-{i}", owner="a") for i in range(6)] + [a_pod(f"b-{i}", owner="b") for i in range(3)]
    )
    assert Counter(d.node for d in decisions[:6]) == {"n1": 3, "n2": 3}
    assert Counter(d.node for d in decisions[6:]) == {"n0": 1, "n1": 1, "n2": 1}


def test_pods_with_a_fixed_port_go_one_to_a_machine() -> None:
    scheduling = knowing([a_node(f"n{i}") for i in range(3)], [])
    decisions = scheduling.place(pods_like(5, ports=[ContainerPort(container_port=80)]))
    assert [d.node for d in decisions] == ["n0", "n1", "n2", None, None]
    assert "3 node(s) didn't have free ports" in decisions[3].explanation


def test_a_batch_fills_a_crowded_corner_deeper_than_it_looks_ahead() -> None:
    nodes = [a_node("big", {"cpu": "100", "memory": "1Ti", "pods": "100"})]
    nodes += [a_node(f"small-{i}", {"cpu": "1", "memory": "1Gi", "pods": "100"}) for i in range(9)]
    decisions = knowing(nodes, []).place(pods_like(109, requests={"cpu": "1"}))
    assert Counter(d.node for d in decisions)["big"] == 100
    assert all(d.node for d in decisions)
