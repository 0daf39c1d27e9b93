"""How much of something a pod needs at once: one rule for placing, for quotas and for limits.

The main containers and the sidecars run together; an init container runs beside the sidecars that come before it only.
Source: Kubernetes, "Sidecar Containers: resource sharing within containers".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proto.objects.container import Container
from proto.objects.pod import PodSpec


def every_container(spec: PodSpec) -> tuple[Container, ...]:
    """The init containers, then the main ones."""
    return (*spec.init_containers, *spec.containers)


def most_at_once(spec: PodSpec, asked: Callable[[Container], Mapping[str, int]]) -> dict[str, int]:
    """The most that the pod's containers ask for at any one time; `asked` tells what one of them does."""
    together: dict[str, int] = {}
    most: dict[str, int] = {}
    for container in spec.init_containers:
        with_it = _sum(together, asked(container))
        if container.restart_policy != "Always":
            most = _larger(most, with_it)
        else:
            together = with_it
    for container in spec.containers:
        together = _sum(together, asked(container))
    return _larger(most, together)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{name: one.get(name, 0) + count for name, count in other.items()}}


def _larger(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {**one, **{name: max(one.get(name, 0), count) for name, count in other.items()}}
