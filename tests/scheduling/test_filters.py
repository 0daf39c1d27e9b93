"""Each filter alone: which nodes it refuses, and in which words."""

from __future__ import annotations

import pytest

from control_plane.scheduling import Change, Scheduling
from proto.objects.container import ContainerPort
from proto.objects.core import Node, Taint
from proto.objects.pod import Pod, Toleration
from tests.scheduling.making import ROOMY, a_node, a_pod, knowing

UNREACHABLE = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute")
GPU_ONLY = Taint(key="gpu", value="yes", effect="NoSchedule")
PORT_80 = (ContainerPort(container_port=80),)

REFUSALS: dict[str, tuple[Node, list[Pod], Pod, str, Change]] = {
    "cordoned": (
        a_node("n", unschedulable=True), [], a_pod("p"), "1 node(s) were unschedulable", Change.NODE_SCHEDULABLE,
    ),
    "another node is named": (
        a_node("n"), [], a_pod("p", node="m"), "1 node(s) didn't match the requested node name", Change.NODE_ADDED,
    ),
    "NoExecute taint": (
        a_node("n", taints=[UNREACHABLE], ready="Unknown"), [], a_pod("p"),
        "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }", Change.NODE_TAINTS,
    ),
    "NoSchedule taint with a value": (
        a_node("n", taints=[GPU_ONLY]), [], a_pod("p"),
        "1 node(s) had untolerated taint {gpu: yes}", Change.NODE_TAINTS,
    ),
    "toleration of another value": (
        a_node("n", taints=[GPU_ONLY]), [], a_pod("p", tolerations=[Toleration(key="gpu", value="no")]),
        "1 node(s) had untolerated taint {gpu: yes}", Change.NODE_TAINTS,
    ),
    "toleration of another effect": (
        a_node("n", taints=[GPU_ONLY]), [],
        a_pod("p", tolerations=[Toleration(key="gpu", operator="Exists", effect="NoExecute")]),
        "1 node(s) had untolerated taint {gpu: yes}", Change.NODE_TAINTS,
    ),
    "declared, no agent yet": (
        a_node("n", {}, ready=""), [], a_pod("p"), "1 node(s) were not ready", Change.NODE_READY,
    ),
    "silent, whatever is tolerated": (
        a_node("n", taints=[UNREACHABLE], ready="Unknown"), [],
        a_pod("p", tolerations=[Toleration(operator="Exists")]), "1 node(s) were not ready", Change.NODE_READY,
    ),
    "label missing": (
        a_node("n", labels={"zone": "a"}), [], a_pod("p", selector={"zone": "a", "disk": "ssd"}),
        "1 node(s) didn't match Pod's node affinity/selector", Change.NODE_LABELS,
    ),
    "hostPort taken": (
        a_node("n"), [a_pod("q", ports=PORT_80, node="n")],
        a_pod("p", ports=[ContainerPort(container_port=0, host_port=80)]),
        "1 node(s) didn't have free ports for the requested pod ports", Change.POD_GONE,
    ),
    "containerPort taken": (
        a_node("n"), [a_pod("q", ports=PORT_80, node="n", phase="Running")], a_pod("p", ports=PORT_80),
        "1 node(s) didn't have free ports for the requested pod ports", Change.POD_GONE,
    ),
    "cpu": (
        a_node("n"), [a_pod("q", requests={"cpu": "3500m"}, node="n")], a_pod("p", requests={"cpu": "501m"}),
        "1 Insufficient cpu", Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
    "a limit stands in for the request": (
        a_node("n"), [], a_pod("p", limits={"memory": "9Gi"}), "1 Insufficient memory",
        Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
    "two resources at once": (
        a_node("n"), [], a_pod("p", requests={"cpu": "5", "memory": "9Gi"}),
        "1 Insufficient cpu, 1 Insufficient memory", Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
    "pods": (
        a_node("n", {**ROOMY, "pods": "1"}), [a_pod("q", node="n")], a_pod("p"), "1 Too many pods",
        Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
    "a resource that nobody offers": (
        a_node("n"), [], a_pod("p", requests={"example.com/gpu": "1"}), "1 Insufficient example.com/gpu",
        Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
    "more than 64 bits": (
        a_node("n"), [], a_pod("p", requests={"memory": "9000E"}), "1 Insufficient memory",
        Change.NODE_ALLOCATABLE | Change.POD_GONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("node", "running", "pod", "reason", "helped_by"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refuses_and_says_why(node: Node, running: list[Pod], pod: Pod, reason: str, helped_by: Change) -> None:
    (decision,) = knowing([node], running).place([pod])
    assert decision.node is None
    assert decision.explanation.partition(" preemption: ")[0] == f"0/1 nodes are available: {reason}."
    assert decision.retry_on == helped_by | Change.NODE_ADDED


ACCEPTANCES: dict[str, tuple[Node, list[Pod], Pod]] = {
    "an empty pod": (a_node("n"), [], a_pod("p")),
    "exactly the rest": (
        a_node("n"), [a_pod("q", requests={"cpu": "3500m"}, node="n")], a_pod("p", requests={"cpu": "500m"}),
    ),
    "the named node": (a_node("n"), [], a_pod("p", node="n")),
    "a tolerated cordon": (
        a_node("n", unschedulable=True), [],
        a_pod("p", tolerations=[Toleration(key="node.kubernetes.io/unschedulable", operator="Exists")]),
    ),
    "a tolerated taint": (
        a_node("n", taints=[GPU_ONLY]), [], a_pod("p", tolerations=[Toleration(key="gpu", value="yes")]),
    ),
    "everything tolerated": (
        a_node("n", taints=[GPU_ONLY]), [], a_pod("p", tolerations=[Toleration(operator="Exists")]),
    ),
    "a taint that only prefers": (
        a_node("n", taints=[Taint(key="old", effect="PreferNoSchedule")]), [], a_pod("p"),
    ),
    "all labels": (
        a_node("n", labels={"zone": "a", "disk": "ssd", "x": "y"}), [],
        a_pod("p", selector={"zone": "a", "disk": "ssd"}),
    ),
    "containerPort 0 beside containerPort 0": (
        a_node("n"), [a_pod("q", ports=[ContainerPort(container_port=0)], node="n")],
        a_pod("p", ports=[ContainerPort(container_port=0)]),
    ),
    "the same port of another protocol": (
        a_node("n"), [a_pod("q", ports=PORT_80, node="n")],
        a_pod("p", ports=[ContainerPort(container_port=80, protocol="UDP")]),
    ),
    "the port of a pod that has finished": (
        a_node("n"), [a_pod("q", ports=PORT_80, node="n", phase="Succeeded")], a_pod("p", ports=PORT_80),
    ),
    "the room of a pod that has failed": (
        a_node("n"), [a_pod("q", requests={"cpu": "4"}, node="n", phase="Failed")], a_pod("p", requests={"cpu": "4"}),
    ),
    "an extended resource": (
        a_node("n", {**ROOMY, "example.com/gpu": "1"}), [], a_pod("p", requests={"example.com/gpu": "1"}),
    ),
    "a bound of processes, which no node offers": (a_node("n"), [], a_pod("p", limits={"pids": "64"})),
    "no request on a node that people overfilled": (
        a_node("n"), [a_pod("q", requests={"cpu": "5"}, node="n")], a_pod("p", requests={"memory": "1Gi"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("node", "running", "pod"), ACCEPTANCES.values(), ids=ACCEPTANCES.keys())
def test_accepts(node: Node, running: list[Pod], pod: Pod) -> None:
    (decision,) = knowing([node], running).place([pod])
    assert decision.node == "n"
    assert decision.explanation == "Successfully assigned default/p to n"


def test_each_node_is_counted_for_the_first_filter_that_refuses_it() -> None:
    nodes = [a_node(f"small-{i}", {**ROOMY, "memory": "1Gi"}) for i in range(3)]
    nodes += [a_node(f"lost-{i}", {}, taints=[UNREACHABLE], ready="Unknown") for i in range(2)]
    (decision,) = knowing(nodes, []).place([a_pod("p", requests={"memory": "2Gi"})])
    assert decision.explanation == (
        "0/5 nodes are available: 3 Insufficient memory, "
        "2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }. "
        "preemption: 0/5 nodes are available: 3 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_without_nodes_it_says_so() -> None:
    (decision,) = Scheduling().place([a_pod("p")])
    assert (decision.node, decision.explanation) == (None, "no nodes available to schedule pods")
    assert decision.retry_on == Change.NODE_ADDED
