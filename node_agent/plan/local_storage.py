"""How much of the disk a pod may take, and what is said when it takes more: `sizeLimit` of emptyDirs, and the limits of
`ephemeral-storage`. PURE.

A container's own share is its output; its working directory is the pod's, so that counts with the pod.

Reads: the pod, what was measured. Returns: a message. Never: evicts.
Source: Kubernetes `pkg/kubelet/eviction/eviction_manager.go`, localStorageEviction; the messages are its.
"""

from __future__ import annotations

from node_agent.plan.volumes import MEMORY
from node_agent.storage.port import PodSpace
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.quantity import format_bytes, whole

RESOURCE = "ephemeral-storage"


def is_limited(pod: Pod) -> bool:
    """Whether there is anything to measure; what is in memory is bounded by its file system."""
    return any(_limit(container) for container in _containers(pod)) or any(
        volume.empty_dir is not None and volume.empty_dir.size_limit and volume.empty_dir.medium != MEMORY
        for volume in pod.spec.volumes
    )


def excess(pod: Pod, space: PodSpace) -> str:
    """Why the pod has to go; "" while it keeps its limits."""
    return _volumes(pod, space) or _whole_pod(pod, space) or _one_container(pod, space)


def _volumes(pod: Pod, space: PodSpace) -> str:
    for volume in pod.spec.volumes:
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if limit and 0 < whole(limit) < _taken(space, volume.name):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    return ""


def _taken(space: PodSpace, volume: str) -> int:
    return space.volumes[volume].bytes if volume in space.volumes else 0


def _whole_pod(pod: Pod, space: PodSpace) -> str:
    """Containers without a limit have no part in the sum, as in Kubernetes."""
    limit = sum(map(_limit, pod.spec.containers))
    if 0 < limit < space.total.bytes:
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {format_bytes(limit)}. "
    return ""


def _one_container(pod: Pod, space: PodSpace) -> str:
    for container in _containers(pod):
        limit = _limit(container)
        if container.name in space.logs and 0 < limit < space.logs[container.name].bytes:
            shown = container.resources.limits[RESOURCE]
            return f'Container {container.name} exceeded its local ephemeral storage limit "{shown}". '
    return ""


def _containers(pod: Pod) -> tuple[Container, ...]:
    return (*pod.spec.containers, *pod.spec.init_containers)


def _limit(container: Container) -> int:
    return whole(container.resources.limits.get(RESOURCE, "0"))
