"""Placement decisions per second, without store and bus: how fast the scheduler's mind is on 5,000 nodes.

`python -m benchmarks.scheduling [--nodes N] [--pods N]` prints a table; `measure` gives the same as numbers.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Sequence

from control_plane.scheduling import Scheduling
from proto.objects.core import Node, NodeStatus
from proto.objects.meta import Condition, ObjectMeta, OwnerReference
from proto.objects.pod import Container, Pod, PodSpec, ResourceRequirements

ROUNDS = 3


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


def measure(node_count: int = 5_000, pod_count: int = 20_000) -> dict[str, float]:
    """Decisions per second for each way of coming in."""
    machines = nodes(node_count)
    equal, mixed = pods(pod_count, 1), pods(pod_count, 100)
    few = pods(min(pod_count, 2_000), min(pod_count, 2_000), selector={"zone": "zone-1"})
    return {
        "equal pods, all at once": pod_count / seconds(machines, equal, pod_count),
        "equal pods, 500 at a time": pod_count / seconds(machines, equal, 500),
        "pods of 100 owners, all at once": pod_count / seconds(machines, mixed, pod_count),
        "every pod its own owner, with a selector": len(few) / seconds(machines, few, 500),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5_000)
    parser.add_argument("--pods", type=int, default=20_000)
    chosen = parser.parse_args()
    print(f"placement decisions per second, {chosen.nodes} nodes")
    for what, rate in measure(chosen.nodes, chosen.pods).items():
        print(f"  {what:<42} {rate:>10,.0f}")


if __name__ == "__main__":
    main()
