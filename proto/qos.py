"""The class of a pod: who gives way first when a node is short of something. PURE.

Source: Kubernetes `pkg/apis/core/v1/helper/qos`, ComputePodQOS; only cpu and memory count.
"""

from __future__ import annotations

from typing import Literal, get_args

from proto.objects.container import Container
from proto.objects.core import ResourceList
from proto.objects.pod import PodSpec
from proto.objects.pod_status import PodStatus
from proto.quantity import cpu_millis, whole

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]
_CLASSES: dict[str, QosClass] = {name: name for name in get_args(QosClass)}

MEMORY_PRESSURE_TAINT = "node.kubernetes.io/memory-pressure"
"""Pods that ask for something tolerate this one without saying so (Kubernetes: "Taint nodes by condition")."""

_COMPUTE = ("cpu", "memory")


def qos_class(spec: PodSpec) -> QosClass:
    """Guaranteed: each container has a limit of both and asks for as much. BestEffort: none asks or is limited."""
    containers = (*spec.init_containers, *spec.containers)
    if containers and all(_guaranteed(container) for container in containers):
        return "Guaranteed"
    if any(_amounts(c.resources.requests) or _amounts(c.resources.limits) for c in containers):
        return "Burstable"
    return "BestEffort"


def told_class(spec: PodSpec, status: PodStatus) -> QosClass:
    """The class that a status tells, since it never changes; worked out where it tells none (Kubernetes: GetPodQOS)."""
    return _CLASSES.get(status.qos_class) or qos_class(spec)


def _guaranteed(container: Container) -> bool:
    """A request that is not given is the limit (Kubernetes' default)."""
    limits = _amounts(container.resources.limits)
    return len(limits) == len(_COMPUTE) and {**limits, **_amounts(container.resources.requests)} == limits


def _amounts(amounts: ResourceList) -> dict[str, int]:
    """What counts of a list: cpu in thousandths, memory in bytes; zero is as good as nothing."""
    counted = {"cpu": cpu_millis(amounts.get("cpu", "0")), "memory": whole(amounts.get("memory", "0"))}
    return {name: count for name, count in counted.items() if count}
