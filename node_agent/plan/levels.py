"""Where a pod stands among the others of its node: its level of control groups, its rank for the kernel's OOM killer.

As with the kubelet, Guaranteed pods stand at the top, Burstable and BestEffort ones each in a group of their class. The
group of the Burstable weighs as much as they ask for together, that of the BestEffort as little as possible; the top
holds what the node has for pods, so that they cannot take what is reserved for the machine.

Reads: pods, the node's allocatable. Returns values. Source: Kubernetes `pkg/kubelet/qos/policy.go`,
`pkg/kubelet/cm/qos_container_manager_linux.go` and `node_container_manager_linux.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from node_agent.plan.environment import Host
from node_agent.plan.init_containers import sidecars
from node_agent.runtime.port import Limits
from proto.objects.container import Container
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.qos import QosClass, told_class
from proto.quantity import cpu_millis, whole

TOP, BURSTABLE, BEST_EFFORT = "", "burstable", "besteffort"
_LEVELS: dict[QosClass, str] = {"Guaranteed": TOP, "Burstable": BURSTABLE, "BestEffort": BEST_EFFORT}

GUARANTEED_OOM_SCORE_ADJ = -997
BEST_EFFORT_OOM_SCORE_ADJ = 1000
CRITICAL_PRIORITY = 2_000_000_000
"""Kubernetes: pods of at least this priority are critical, and are never evicted."""

NODE_CRITICAL = "system-node-critical"
"""Kubernetes: the class of pods that the kernel ends last, whatever they ask for."""


def level_of(pod: Pod) -> str:
    """The level of the pod's containers."""
    return _LEVELS[told_class(pod.spec, pod.status)]


def oom_score_adj(pod: Pod, container: Container, capacity_bytes: int) -> int:
    """How readily the kernel ends the container (-1000 to 1000): the less memory it asked for, the more.

    A sidecar goes no sooner than the first of the containers that it serves.
    """
    if critical(pod) and pod.spec.priority_class_name == NODE_CRITICAL:
        return GUARANTEED_OOM_SCORE_ADJ
    match told_class(pod.spec, pod.status):
        case "Guaranteed":
            return GUARANTEED_OOM_SCORE_ADJ
        case "BestEffort":
            return BEST_EFFORT_OOM_SCORE_ADJ
    asked = requested_bytes(container)
    if container in sidecars(pod):
        asked = max(asked, min(map(requested_bytes, pod.spec.containers)))
    share = 1000 * asked // capacity_bytes if capacity_bytes else 0
    # Above every Guaranteed pod, below every BestEffort one (Kubernetes: the same bounds).
    return min(max(1000 - share, 1000 + GUARANTEED_OOM_SCORE_ADJ), BEST_EFFORT_OOM_SCORE_ADJ - 1)


def critical(pod: Pod) -> bool:
    """Whether the node cannot do without the pod."""
    return (pod.spec.priority or 0) >= CRITICAL_PRIORITY


def level_limits(pods: Iterable[Pod], host: Host) -> Mapping[str, Limits]:
    """What the containers of each level may use together, with these pods on the node."""
    containers = [(level_of(pod), each) for pod in pods for each in _as_kept(pod)]
    burstable = [container for level, container in containers if level == BURSTABLE]
    return {
        TOP: Limits(
            memory_bytes=host.enforced_memory_bytes,
            pids=host.enforced_pids,
            cpu_request_millis=cpu_millis(host.allocatable.get("cpu", "0")),
            memory_request_bytes=sum(requested_bytes(container) for _, container in containers),
        ),
        BURSTABLE: Limits(
            cpu_request_millis=sum(requested_millis(container) for container in burstable),
            memory_request_bytes=sum(requested_bytes(container) for container in burstable),
        ),
        BEST_EFFORT: Limits(cpu_request_millis=0, memory_request_bytes=0),
    }


def _as_kept(pod: Pod) -> Iterator[Container]:
    """The containers that go on; while a resize waits, one asks for what is kept free for it."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    kept = {each.name: each.allocated_resources for each in statuses if each.allocated_resources}
    for container in (*sidecars(pod), *pod.spec.containers):
        waits = kept.get(container.name, container.resources.requests) != container.resources.requests
        yield evolve(container, **{"resources.requests": kept[container.name]}) if waits else container


def requested_bytes(container: Container) -> int:
    """The memory that it asks for; its limit if it asks for none by itself."""
    resources = container.resources
    return whole(resources.requests.get("memory", resources.limits.get("memory", "0")))


def requested_millis(container: Container) -> int:
    """The processors that it asks for, in thousandths; its limit if it asks for none by itself."""
    resources = container.resources
    return cpu_millis(resources.requests.get("cpu", resources.limits.get("cpu", "0")))
