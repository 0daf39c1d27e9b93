"""Placement decisions per second, without store and bus: how fast the scheduler's mind is on 5,000 nodes."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence

from benchmarks.measuring import Figure
from control_plane.budgets import Allowance
from control_plane.scheduling import Scheduling
from control_plane.store.mirror import Mirror
from proto.objects.container import Container, ResourceRequirements
from proto.objects.core import Node, NodeStatus
from proto.objects.meta import Condition, ObjectMeta, OwnerReference
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import PodStatus

NODES = 5_000
PODS = 20_000
PODS_ALONE = 2_000
ROUNDS = 3
RESIDENTS = 20
PREEMPTED = 200


def nodes(count: int) -> list[Node]:
    """Equal, ready machines that take 110 pods each."""
    amounts = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    status = NodeStatus(capacity=amounts, allocatable=amounts, conditions=(Condition(type="Ready", status="True"),))
    return [
        Node(metadata=ObjectMeta(name=f"node-{i}", labels={"zone": f"zone-{i % 3}"}), status=status)
        for i in range(count)
    ]


def pods(count: int, owners: int, *, selector: dict[str, str] | None = None) -> list[Pod]:
    """Small pods of `owners` ReplicaSets, mixed."""
    requests = ResourceRequirements(requests={"cpu": "100m", "memory": "128Mi"})
    spec = PodSpec(containers=(Container(name="main", resources=requests),), node_selector=selector or {})
    references = [
        OwnerReference(api_version="apps/v1", kind="ReplicaSet", name=f"rs-{i}", uid=f"rs-{i}", controller=True)
        for i in range(owners)
    ]
    return [
        Pod(
            metadata=ObjectMeta(
                name=f"pod-{i}", namespace="default", uid=f"pod-{i}", owner_references=(references[i % owners],)
            ),
            spec=spec,
        )
        for i in range(count)
    ]


def seconds(machines: Sequence[Node], pending: Sequence[Pod], batch: int) -> float:
    """The best of some rounds of placing all of `pending` in batches, on a fresh table."""
    best = float("inf")
    for _ in range(ROUNDS):
        scheduling = Scheduling()
        for node in machines:
            scheduling.on_node(None, node)
        gc.collect()
        begin = time.perf_counter()
        for start in range(0, len(pending), batch):
            decisions = scheduling.place(pending[start : start + batch])
            assert all(decision.node for decision in decisions)
        best = min(best, time.perf_counter() - begin)
    return best


def preemption_ms(machines: Sequence[Node]) -> float:
    """What making room for one pod costs on a full cluster, in milliseconds; the mean of `PREEMPTED` in a row."""
    scheduling = Scheduling()
    for node in machines:
        scheduling.on_node(None, node)
    for number in range(len(machines) * RESIDENTS):
        requests = ResourceRequirements(requests={"cpu": "800m"})
        spec = PodSpec(
            containers=(Container(name="main", resources=requests),),
            node_name=f"node-{number // RESIDENTS}",
            priority=number % 3,
        )
        metadata = ObjectMeta(name=f"low-{number}", namespace="default", uid=f"low-{number}", labels={"app": "low"})
        scheduling.on_pod(None, Pod(metadata=metadata, spec=spec, status=PodStatus(phase="Running")))
    resources = ResourceRequirements(requests={"cpu": "3"})
    spec = PodSpec(containers=(Container(name="main", resources=resources),), priority=10)
    budgets = Mirror.of()
    begin = time.perf_counter()
    for number in range(PREEMPTED):
        pod = Pod(metadata=ObjectMeta(name=f"high-{number}", namespace="default", uid=f"high-{number}"), spec=spec)
        (decision,) = scheduling.place([pod])
        assert decision.may_preempt
        assert scheduling.preempt(pod, lambda: Allowance(budgets)).victims
    return (time.perf_counter() - begin) * 1000 / PREEMPTED


def measure() -> Iterator[Figure]:
    """Decisions per second for each way of coming in."""
    machines = nodes(NODES)
    equal, mixed = pods(PODS, 1), pods(PODS, 100)
    alone = pods(PODS_ALONE, PODS_ALONE, selector={"zone": "zone-1"})
    yield _figure("equal pods, all at once", PODS / seconds(machines, equal, PODS), 20_000)
    yield _figure("equal pods, 500 at a time", PODS / seconds(machines, equal, 500), 20_000)
    yield _figure("pods of 100 owners, all at once", PODS / seconds(machines, mixed, PODS), 20_000)
    yield _figure("each pod its own owner, with a selector", PODS_ALONE / seconds(machines, alone, 500), 2_000)
    note = f"{NODES:,} full nodes, {NODES * RESIDENTS:,} pods of 3 priorities"
    yield Figure("placement: room for one by preemption", preemption_ms(machines), "ms", 20, note=note)


def _figure(what: str, rate: float, budget: float) -> Figure:
    return Figure(f"placement: {what}", rate, "/s", budget, at_least=True, note=f"{NODES:,} nodes")
