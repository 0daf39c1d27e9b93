"""What holds for every cluster and every batch."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.scheduling import Decision, Scheduling
from control_plane.scheduling.needs import Needs, needs_of
from proto.objects.container import ContainerPort
from proto.objects.core import Node, Taint
from proto.objects.pod import Pod
from tests.scheduling.making import a_node, a_pod

SETTINGS = settings(max_examples=60, deadline=None)

sizes = st.fixed_dictionaries(
    {"cpu": st.integers(0, 8).map(str), "memory": st.sampled_from(["1Gi", "4Gi", "16Gi"]), "pods": st.just("6")}
)
taints = st.lists(
    st.builds(Taint, key=st.just("k"), effect=st.sampled_from(["NoSchedule", "PreferNoSchedule"])), max_size=1
)
nodes = st.lists(
    st.builds(lambda size, zone, taint: a_node("", size, labels={"zone": zone}, taints=taint), sizes,
              st.sampled_from("ab"), taints),
    min_size=1, max_size=8,
).map(lambda made: [node.model_copy(update={"metadata": node.metadata.model_copy(update={"name": f"n{i}"})})
                    for i, node in enumerate(made)])  # fmt: skip

kinds = st.fixed_dictionaries(
    {
        "requests": st.sampled_from([{}, {"cpu": "500m"}, {"cpu": "2", "memory": "1Gi"}, {"memory": "3Gi"}]),
        "owner": st.sampled_from(["", "rs-1", "rs-2"]),
        "ports": st.sampled_from([(), (ContainerPort(container_port=80),), (ContainerPort(container_port=0),)]),
        "selector": st.sampled_from([{}, {"zone": "a"}]),
    }
)
batches = st.lists(st.tuples(kinds, st.integers(1, 12)), min_size=1, max_size=4).map(
    lambda groups: [
        a_pod(f"p{g}-{i}", **kind) for g, (kind, count) in enumerate(groups) for i in range(count)
    ]
)  # fmt: skip


def fresh(machines: list[Node]) -> Scheduling:
    scheduling = Scheduling()
    for node in machines:
        scheduling.on_node(None, node)
    return scheduling


@SETTINGS
@given(nodes, batches)
def test_no_node_is_over_committed_and_no_port_is_given_twice(machines: list[Node], pods: list[Pod]) -> None:
    decisions = fresh(machines).place(pods)
    for node in machines:
        there = [d.pod for d in decisions if d.node == node.metadata.name]
        assert len(there) <= int(node.status.allocatable["pods"])
        assert sum(cores(pod) for pod in there) <= float(node.status.allocatable["cpu"])
        assert sum(gibibytes(pod) for pod in there) <= int(node.status.allocatable["memory"].removesuffix("Gi"))
        ports = Counter(port.container_port for pod in there for c in pod.spec.containers for port in c.ports)
        assert ports[80] <= 1


@SETTINGS
@given(nodes, batches)
def test_a_batch_is_placed_as_its_groups_would_be_one_by_one(machines: list[Node], pods: list[Pod]) -> None:
    together = fresh(machines).place(pods)
    alone = fresh(machines)
    in_turn = {d.pod.metadata.name: alone.place([d.pod])[0].node for d in grouped(together)}
    assert {d.pod.metadata.name: d.node for d in together} == in_turn


@SETTINGS
@given(nodes, batches)
def test_who_has_no_node_really_fits_nowhere(machines: list[Node], pods: list[Pod]) -> None:
    scheduling = fresh(machines)
    for decision in scheduling.place(pods):
        if decision.node is None:
            assert scheduling.place([decision.pod])[0].node is None
            assert decision.explanation.startswith(f"0/{len(machines)} nodes are available: ")


@SETTINGS
@given(st.integers(1, 8), st.integers(1, 40))
def test_replicas_over_equal_machines_differ_by_one_at_most(machines: int, replicas: int) -> None:
    scheduling = fresh([a_node(f"n{i}") for i in range(machines)])
    decisions = scheduling.place([a_pod(f"p{i}", owner="rs", requests={"cpu": "10m"}) for i in range(replicas)])
    counts = Counter({f"n{i}": 0 for i in range(machines)})
    counts.update(str(d.node) for d in decisions)
    assert max(counts.values()) - min(counts.values()) <= 1


@SETTINGS
@given(nodes, batches)
def test_what_is_forgotten_leaves_nothing_behind(machines: list[Node], pods: list[Pod]) -> None:
    scheduling = fresh(machines)
    first = scheduling.place(pods)
    for decision in first:
        scheduling.forget(decision.pod)
    assert scheduling.place(pods) == first


def grouped(decisions: list[Decision]) -> list[Decision]:
    """In the order in which they were placed: group by group, as the groups first appear."""
    groups: dict[Needs, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(needs_of(decision.pod), []).append(decision)
    return [decision for group in groups.values() for decision in group]


def cores(pod: Pod) -> float:
    return {"": 0.0, "500m": 0.5, "2": 2.0}[pod.spec.containers[0].resources.requests.get("cpu", "")]


def gibibytes(pod: Pod) -> int:
    return int(pod.spec.containers[0].resources.requests.get("memory", "0Gi").removesuffix("Gi"))
