"""What a pod asks of a node, reduced to what matters for placing it.

Two pods with equal needs are interchangeable for the scheduler: they form one batch. Amounts are whole numbers: cpu in
thousandths of a core, memory and storage in bytes, everything else in ones; `pods` is an amount like the others, and
every pod asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from proto.conditions import INFEASIBLE, RESIZE_CONDITIONS
from proto.node_affinity import required_terms
from proto.objects.affinity import NodeSelectorTerm
from proto.objects.container import Container
from proto.objects.core import TaintEffect
from proto.objects.pod import Pod, PodSpec
from proto.pod_amounts import every_container, most_at_once
from proto.qos import MEMORY_PRESSURE_TAINT, qos_class
from proto.quantity import in_units

CPU, MEMORY, PODS = "cpu", "memory", "pods"

NOT_COUNTED = frozenset({PODS, "pids"})
"""Names that a container's amounts are not added up for: every pod is one of `pods`, however many it claims, and `pids`
only bounds a container. Processes are not handed out, so no node has an amount of them."""

AMOUNT_MAX = 2**53
"""Larger amounts count as this, so that sums stay within 64 bits whatever a manifest claims."""

Port = tuple[str, int]
"""(protocol, number). Pods share their machine's network, so the address a port is bound to does not set it apart."""


@dataclass(frozen=True, slots=True)
class Tolerated:
    """A toleration without its duration, which matters for eviction only."""

    key: str
    operator: str
    value: str
    effect: TaintEffect | str


_COPES_WITH_LITTLE_MEMORY = Tolerated(MEMORY_PRESSURE_TAINT, "Exists", "", "NoSchedule")


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything about a pod that the filters and scores look at. `owner` is its controller's uid, or ""."""

    amounts: tuple[tuple[str, int], ...] = ((PODS, 1),)
    ports: frozenset[Port] = frozenset()
    node_name: str = ""
    node_selector: tuple[tuple[str, str], ...] = ()
    affinity: tuple[NodeSelectorTerm, ...] | None = None
    tolerations: tuple[Tolerated, ...] = ()
    owner: str = ""
    priority: int = 0
    preempts: bool = True
    """Whether others may be ended for it."""


def needs_of(pod: Pod) -> Needs:
    """What a pod that is to be placed asks for."""
    spec = pod.spec
    return Needs(
        amounts=_amounts(spec, _counted),
        ports=_ports(spec),
        node_name=spec.node_name,
        node_selector=tuple(sorted(spec.node_selector.items())),
        affinity=required_terms(spec),
        tolerations=_tolerations(spec),
        owner=_owner(pod),
        priority=spec.priority or 0,
        preempts=spec.preemption_policy != "Never",
    )


def _tolerations(spec: PodSpec) -> tuple[Tolerated, ...]:
    """What is written, and that a pod which asks for something copes with a node that is short of memory."""
    written = tuple(Tolerated(t.key, t.operator, t.value, t.effect) for t in spec.tolerations)
    return written if qos_class(spec) == "BestEffort" else (*written, _COPES_WITH_LITTLE_MEMORY)


def taken_by(pod: Pod) -> Needs:
    """What a bound pod takes of its node: the same without the wishes that its binding settled.

    While its resize waits or is under way it takes what it had or what it wants, whichever is more; what is infeasible
    is not counted (Kubernetes: "Resize CPU and Memory Resources", scheduler).
    """
    resized = resize_reason(pod)
    return _shared(
        Needs(
            amounts=_amounts(pod.spec, _counted if resized is None else _counted_in(pod, resized)),
            ports=_ports(pod.spec),
            owner=_owner(pod),
            priority=pod.spec.priority or 0,
        )
    )


def amount(resource: str, quantity: str) -> int:
    """A quantity as a whole number of the resource's unit, between 0 and `AMOUNT_MAX`."""
    return min(max(in_units(resource, quantity), 0), AMOUNT_MAX)


def resize_reason(pod: Pod) -> str | None:
    """The reason of the condition that tells of a resize; None while there is none. What a pod takes depends on it."""
    return next((each.reason for each in pod.status.conditions if each.type in RESIZE_CONDITIONS), None)


def _amounts(spec: PodSpec, counted: Callable[[Container], dict[str, int]]) -> tuple[tuple[str, int], ...]:
    """The most that the pod asks for at any time, sorted by resource, without zeros."""
    total = {PODS: 1, **most_at_once(spec, counted)}
    return tuple(sorted((resource, min(count, AMOUNT_MAX)) for resource, count in total.items() if count))


def _counted(container: Container) -> dict[str, int]:
    return _numbers(_requests(container))


def _counted_in(pod: Pod, resized: str) -> Callable[[Container], dict[str, int]]:
    """What a container of a pod that is being resized takes; `resized` is the reason of the condition."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    kept = {status.name: _numbers(status.allocated_resources) for status in statuses if status.resources is not None}

    def taken(container: Container) -> dict[str, int]:
        wanted, had = _counted(container), kept.get(container.name)
        if had is None:
            return wanted
        return (
            had
            if resized == INFEASIBLE
            else {name: max(wanted.get(name, 0), had.get(name, 0)) for name in wanted.keys() | had.keys()}
        )

    return taken


def _numbers(amounts: Mapping[str, str]) -> dict[str, int]:
    return {name: amount(name, quantity) for name, quantity in amounts.items() if name not in NOT_COUNTED}


def _requests(container: Container) -> Mapping[str, str]:
    """What a container asks for; a limit stands in for a request that is not given (Kubernetes: resource defaults)."""
    resources = container.resources
    return {**resources.limits, **resources.requests} if resources.limits else resources.requests


def _ports(spec: PodSpec) -> frozenset[Port]:
    """The machine's ports that the containers take; 0 asks the agent for any free one and takes none here."""
    return frozenset(
        (port.protocol, number)
        for container in every_container(spec)
        for port in container.ports
        for number in (port.container_port, port.host_port)
        if number
    )


def _owner(pod: Pod) -> str:
    controller = pod.metadata.controller
    return "" if controller is None else controller.uid


@lru_cache(maxsize=4096)
def _shared(needs: Needs) -> Needs:
    """The first of equal needs, so that many equal pods keep one in memory."""
    return needs
