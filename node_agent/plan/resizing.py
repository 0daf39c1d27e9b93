"""Resizing a pod in place: whether the node has room, what is done about it, what is told.

What is wanted is in the spec, what is in force is what the runtime says of each running container. A pod is resized as
a whole, or waits: for other pods to go (`Deferred`) or for ever (`Infeasible`).

Reads: a `PodView`. Returns: values. Source: Kubernetes "Resize CPU and Memory Resources assigned to Containers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from node_agent.plan.container_ids import parse_container_id
from node_agent.plan.environment import Host
from node_agent.plan.init_containers import sidecars
from node_agent.plan.launch import limits_of
from node_agent.plan.view import PodView, Resize
from node_agent.runtime.port import ContainerState, Limits
from proto.conditions import INFEASIBLE, RESIZE_CONDITIONS
from proto.objects.container import Container, ResourceRequirements
from proto.objects.core import ResourceList
from proto.objects.meta import Condition, evolve, with_condition
from proto.objects.pod_status import PodStatus
from proto.quantity import format_bytes, format_cpu, in_units

PENDING, IN_PROGRESS = RESIZE_CONDITIONS
RETRY_S = 5.0
"""How long a resize that could not be done waits for a new look."""


@dataclass(frozen=True, slots=True)
class Resizing:
    """What is done for a pod's resize: steps, containers to be started anew, and the condition that tells of it."""

    steps: tuple[Resize, ...] = ()
    restarts: frozenset[str] = frozenset()
    condition: Condition | None = None
    wake_at: datetime | None = None


NO_RESIZE = Resizing()


def resizing(view: PodView, running: Mapping[str, ContainerState], now: datetime) -> Resizing:
    """What follows from the difference between what is wanted and what is in force, in the containers that run."""
    if not view.host.resizes:
        return NO_RESIZE
    different = [
        (container, running[container.name])
        for container in (*sidecars(view.pod), *view.pod.spec.containers)
        if container.name in running and running[container.name].limits != limits_of(container.resources, view.host)
    ]
    if not different:
        return NO_RESIZE
    refusal = _refusal(view, running)
    if refusal is not None:
        reason, message = refusal
        return Resizing(condition=_condition(PENDING, reason, message, now), wake_at=now + timedelta(seconds=RETRY_S))
    return _under_way(view, different, now)


def with_resize(status: PodStatus, previous: PodStatus, found: Resizing) -> PodStatus:
    """The status with the condition that tells of a resize; its time is that of the one reported before."""
    if found.condition is None:
        return status
    before = tuple(condition for condition in previous.conditions if condition.type == found.condition.type)
    told = with_condition(before, found.condition)
    return evolve(status, conditions=(*status.conditions, *told))


def _under_way(view: PodView, different: list[tuple[Container, ContainerState]], now: datetime) -> Resizing:
    steps: list[Resize] = []
    restarts: set[str] = set()
    wakes: list[datetime] = []
    problem = ""
    for container, state in different:
        limits = limits_of(container.resources, view.host)
        failure = view.unresized.get(state.id)
        if _restarts(container, state.limits, limits):
            restarts.add(container.name)
        elif failure is not None and failure.limits == limits and now < failure.retry_at:
            problem = failure.message
            wakes.append(failure.retry_at)
        elif state.id not in view.busy:
            key = parse_container_id(state.id)
            assert key is not None, "states of a pod have its ids"
            steps.append(Resize(key, limits))
    condition = _condition(IN_PROGRESS, "Error" if problem else "", problem, now)
    return Resizing(tuple(steps), frozenset(restarts), condition, min(wakes, default=None))


def resources_in_force(container: Container, state: ContainerState, host: Host) -> ResourceRequirements | None:
    """What a running container has: as it is written, if that is in force; else as the runtime tells of it."""
    wanted = container.resources
    if not (wanted.requests or wanted.limits):
        return None
    if host.resizes and state.limits != limits_of(wanted, host):
        return _told(state.limits, wanted)
    return wanted


def _refusal(view: PodView, running: Mapping[str, ContainerState]) -> tuple[str, str] | None:
    """Why the node cannot give what is wanted: reason and message. What does not grow always fits."""
    containers = (*sidecars(view.pod), *view.pod.spec.containers)
    wanted = {container.name: limits_of(container.resources, view.host) for container in containers}
    before = {**wanted, **{name: state.limits for name, state in running.items() if name in wanted}}
    for name, field in (("cpu", "cpu_request_millis"), ("memory", "memory_request_bytes")):
        asked = sum(getattr(each, field) or 0 for each in wanted.values())
        if asked <= sum(getattr(each, field) or 0 for each in before.values()):
            continue
        most = in_units(name, view.host.allocatable.get(name, "0"))
        if asked > most:
            shown = f"requested: {_amount(name, asked)}, capacity: {_amount(name, most)}"
            return INFEASIBLE, f"Node didn't have enough capacity: {name}, {shown}"
        if asked > view.room.get(name, most):
            return "Deferred", f"Node didn't have enough resource: {name}"
    return None


def _restarts(container: Container, before: Limits, after: Limits) -> bool:
    """Whether the container is started anew for what changes (`resizePolicy`)."""
    anew = {policy.resource_name for policy in container.resize_policy if policy.restart_policy == "RestartContainer"}
    cpu = (before.cpu_millis, before.cpu_request_millis) != (after.cpu_millis, after.cpu_request_millis)
    memory = (before.memory_bytes, before.memory_request_bytes) != (after.memory_bytes, after.memory_request_bytes)
    return (cpu and "cpu" in anew) or (memory and "memory" in anew)


def _condition(kind: str, reason: str, message: str, now: datetime) -> Condition:
    return Condition(type=kind, status="True", reason=reason, message=message, last_transition_time=now)


def _told(limits: Limits, wanted: ResourceRequirements) -> ResourceRequirements:
    """What the runtime says is in force, in the words of the spec."""
    ceiling = _amounts(limits.cpu_millis, limits.memory_bytes)
    request = _amounts(limits.cpu_request_millis, limits.memory_request_bytes)
    return ResourceRequirements(
        limits={**_immutable(wanted.limits), **ceiling}, requests={**_immutable(wanted.requests), **request}
    )


def _immutable(amounts: ResourceList) -> ResourceList:
    """What no resize changes."""
    return {name: amount for name, amount in amounts.items() if name not in ("cpu", "memory")}


def _amounts(cpu: int | None, memory: int | None) -> Mapping[str, str]:
    told = {"cpu": format_cpu(cpu) if cpu else "", "memory": format_bytes(memory) if memory else ""}
    return {name: amount for name, amount in told.items() if amount}


def _amount(name: str, count: int) -> str:
    return format_cpu(count) if name == "cpu" else format_bytes(count)
