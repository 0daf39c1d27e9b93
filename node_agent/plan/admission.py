"""Whether a pod that comes has room here. PURE.

The scheduler gives no more away than there is, but a pod can be bound without it (`spec.nodeName`), or by one that knew
less. Who is ending gives room already: for a moment the kernel's limits hold them together.

Reads: the pod, the others of the node, what the node has for pods. Returns: a refusal. Never: ends another pod for it.
Source: Kubernetes `pkg/kubelet/lifecycle/predicate.go`.
"""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.plan.environment import Host
from node_agent.plan.levels import critical
from node_agent.plan.status import NOTHING_REPORTED, OUT_OF
from node_agent.plan.view import Eviction
from proto.objects.container import Container
from proto.objects.core import ResourceList
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from proto.pod_amounts import most_at_once
from proto.quantity import in_units

_PODS = "pods"


def lack_of_room(pod: Pod, asked: Mapping[str, int], room: Mapping[str, int], host: Host) -> Eviction | None:
    """Why others leave too little room for what the pod asks for; None if there is enough, or if it is critical.

    What the node does not offer at all is not its to judge (Kubernetes: the same).
    """
    if critical(pod):
        return None
    for name, count in asked.items():
        if count > room.get(name, count) and count:
            capacity = in_units(name, host.allocatable[name])
            return Eviction(
                f"Pod was rejected: Node didn't have enough resource: {name}, requested: {count}, "
                f"used: {capacity - room[name]}, capacity: {capacity}",
                reason=OUT_OF + name,
            )
    return None


def amounts(pod: Pod, status: PodStatus = NOTHING_REPORTED) -> Mapping[str, int]:
    """What a pod asks for, at most at any one time; of a container that is resized, what is kept free for it."""
    kept = {each.name: each.allocated_resources for each in status.container_statuses if each.allocated_resources}

    def asked(container: Container) -> Mapping[str, int]:
        return _numbers(kept.get(container.name) or {**container.resources.limits, **container.resources.requests})

    return {_PODS: 1, **most_at_once(pod.spec, asked)}


def _numbers(told: ResourceList) -> Mapping[str, int]:
    return {name: in_units(name, amount) for name, amount in told.items()}
