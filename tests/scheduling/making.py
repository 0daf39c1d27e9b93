"""Nodes and pods for these tests, in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from control_plane.scheduling import Scheduling
from proto.clock import EPOCH
from proto.objects.container import Container, ContainerPort, ResourceRequirements
from proto.objects.core import Node, NodeSpec, NodeStatus, Taint
from proto.objects.meta import Condition, ObjectMeta, OwnerReference
from proto.objects.pod import Pod, PodSpec, Toleration
from proto.objects.pod_status import PodPhase, PodStatus

ROOMY = {"cpu": "4", "memory": "8Gi", "pods": "110"}


def a_node(
    name: str,
    allocatable: Mapping[str, str] = ROOMY,
    *,
    labels: Mapping[str, str] | None = None,
    taints: Iterable[Taint] = (),
    unschedulable: bool = False,
    ready: str = "True",
) -> Node:
    return Node(
        metadata=ObjectMeta(name=name, labels=dict(labels or {})),
        spec=NodeSpec(taints=tuple(taints), unschedulable=unschedulable),
        status=NodeStatus(
            allocatable=dict(allocatable), conditions=(Condition(type="Ready", status=ready),) if ready else ()
        ),
    )


def a_pod(
    name: str,
    *,
    requests: Mapping[str, str] | None = None,
    limits: Mapping[str, str] | None = None,
    ports: Iterable[ContainerPort] = (),
    owner: str = "",
    selector: Mapping[str, str] | None = None,
    tolerations: Iterable[Toleration] = (),
    node: str = "",
    phase: PodPhase = "Pending",
    priority: int = 0,
    preempts: bool = True,
    labels: Mapping[str, str] | None = None,
    started_s: float | None = None,
) -> Pod:
    resources = ResourceRequirements(requests=dict(requests or {}), limits=dict(limits or {}))
    owners = (OwnerReference(api_version="apps/v1", kind="ReplicaSet", name=owner, uid=owner, controller=True),)
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace="default",
            uid=f"uid-{name}",
            owner_references=owners if owner else (),
            labels=dict(labels or {}),
        ),
        spec=PodSpec(
            containers=(Container(name="main", resources=resources, ports=tuple(ports)),),
            node_selector=dict(selector or {}),
            tolerations=tuple(tolerations),
            node_name=node,
            priority=priority,
            preemption_policy="PreemptLowerPriority" if preempts else "Never",
        ),
        status=PodStatus(phase=phase, start_time=None if started_s is None else EPOCH + timedelta(seconds=started_s)),
    )


def pods_like(count: int, **what: object) -> list[Pod]:
    return [a_pod(f"web-{i}", **what) for i in range(count)]  # type: ignore[arg-type]


def knowing(nodes: Iterable[Node], running: Iterable[Pod]) -> Scheduling:
    scheduling = Scheduling()
    for node in nodes:
        scheduling.on_node(None, node)
    for pod in running:
        scheduling.on_pod(None, pod)
    return scheduling
