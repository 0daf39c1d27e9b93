"""Ports of containers: which number is in force, and how the program learns of it.

Pods share their machine's network, so `containerPort: N` is N on the machine. `containerPort: 0` asks the agent for a
free one (or for `hostPort`, where that is given). A container's first port is passed as `PORT`, and each as
`PORT_<NAME>` (or `PORT_<index>` without a name), so that the same manifest runs with a fixed and with a free port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from proto.objects.container import Container, ContainerPort
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A free port that a pod asks for; `key` names it within the pod."""

    key: str
    protocol: str


def port_key(container: str, index: int) -> str:
    """The name of one port of one container within its pod."""
    return f"{container}/{index}"


def port_requests(pod: Pod) -> Iterator[PortRequest]:
    """Every port of the pod that the agent has to choose."""
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for index, port in enumerate(container.ports):
            if port.container_port == 0 and not port.host_port:
                yield PortRequest(port_key(container.name, index), port.protocol)


def fixed_ports(pod: Pod) -> Iterator[int]:
    """The port numbers that the pod itself names."""
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for port in container.ports:
            yield from (number for number in (port.container_port, port.host_port or 0) if number)


def ports_in_force(container: Container, chosen: Mapping[str, int]) -> tuple[ContainerPort, ...]:
    """The container's ports with the numbers that count; a port that is not chosen yet stays 0."""
    return tuple(
        port
        if port.container_port
        else port.model_copy(
            update={"container_port": port.host_port or chosen.get(port_key(container.name, index), 0)}
        )
        for index, port in enumerate(container.ports)
    )


def port_number(reference: int | str, ports: Iterable[ContainerPort]) -> int | None:
    """The number that a probe or hook means, by itself or by a port's name; None for a name that is not there."""
    if isinstance(reference, int):
        return reference
    named = {port.name: port.container_port for port in ports if port.name}
    return named.get(reference) or (int(reference) if reference.isdecimal() else None)


def port_variables(container: Container, chosen: Mapping[str, int]) -> dict[str, str]:
    """`PORT` and `PORT_<NAME>` of a container."""
    variables: dict[str, str] = {}
    for index, port in enumerate(ports_in_force(container, chosen)):
        variables.setdefault("PORT", str(port.container_port))
        name = port.name.upper().replace("-", "_") or str(index)
        variables[f"PORT_{name}"] = str(port.container_port)
    return variables
