"""What the agent tells of its machine when it registers: size, labels, addresses, missing abilities.

Reads: the machine, the driver's fingerprint, the settings. Returns values; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from node_agent.machine.port import Machine
from node_agent.runtime.port import HUGETLB, Fingerprint
from node_agent.settings import AgentSettings
from proto.clock import Instant
from proto.names import label_value_problem
from proto.node import Registration
from proto.objects.core import NodeAddress, ResourceList
from proto.objects.meta import Condition
from proto.quantity import HUGE_PAGES, format_bytes, format_cpu

VERSION_LABEL = "setpoint.dev/agent-version"


@cache
def agent_version() -> str:
    """The installed version of Setpoint; `0.0.0` in a tree that is not installed."""
    try:
        return version("setpoint")
    except PackageNotFoundError:
        return "0.0.0"


def describe_machine(
    settings: AgentSettings, machine: Machine, fingerprint: Fingerprint, incarnation: str, machine_id: str, now: Instant
) -> Registration:
    """The registration of this machine, without a predecessor yet.

    As with the kubelet, the label `kubernetes.io/hostname` is the node's name (where that fits into a label).
    """
    info = machine.system_info()
    running = agent_version()
    return Registration(
        node=settings.node,
        incarnation=incarnation,
        labels={
            "kubernetes.io/hostname": machine.hostname if label_value_problem(settings.node) else settings.node,
            "kubernetes.io/os": info.operating_system,
            "kubernetes.io/arch": info.architecture,
            VERSION_LABEL: running,
            **settings.labels,
        },
        capacity=_resources(machine.cpu_millis, machine.memory_bytes, machine.storage_bytes, settings.pods_max)
        | _huge_pages(machine),
        allocatable=_resources(
            max(machine.cpu_millis - settings.reserved.cpu_millis, 0),
            memory_for_pods(settings, machine),
            max(machine.storage_bytes - settings.reserved.storage_bytes, 0),
            settings.pods_max,
        )
        | _huge_pages(machine),
        addresses=(
            NodeAddress(type="InternalIP", address=settings.address),
            NodeAddress(type="Hostname", address=machine.hostname),
        ),
        node_info=info.model_copy(
            update={
                "machine_id": machine_id,
                "boot_id": info.boot_id or fingerprint.boot_id,
                "kubelet_version": running,
                "container_runtime_version": f"{fingerprint.driver}://{fingerprint.version}",
            }
        ),
        conditions=(limits_condition(missing_abilities(fingerprint, machine), now),),
    )


def memory_for_pods(settings: AgentSettings, machine: Machine) -> int:
    """The bytes that pods can have: not what is reserved, nor what is kept for huge pages (the kubelet: the same)."""
    return max(machine.memory_bytes - settings.reserved.memory_bytes - sum(machine.huge_pages.values()), 0)


def pids_for_pods(settings: AgentSettings, machine: Machine) -> int | None:
    """How many processes and threads all pods may have together; None where none are reserved for the machine."""
    reserved = settings.reserved.pids
    return max(machine.pids_max - reserved, 0) if reserved and machine.pids_max else None


def missing_abilities(fingerprint: Fingerprint, machine: Machine) -> Mapping[str, str]:
    """The limits that cannot be kept here, each with the reason."""
    if not machine.huge_pages or HUGETLB in fingerprint.abilities or HUGETLB in fingerprint.missing:
        return fingerprint.missing
    return {**fingerprint.missing, HUGETLB: "the runtime knew of no huge pages when it started"}


def limits_condition(unkept: Mapping[str, str], now: Instant) -> Condition:
    """Whether limits are kept here; a message names each ability that is missing and why."""
    missing = [f"{ability}: {why}" for ability, why in sorted(unkept.items())]
    return Condition(
        type="CgroupLimits",
        status="False" if missing else "True",
        reason="AbilitiesMissing" if missing else "AllAbilities",
        message="; ".join(missing),
        last_transition_time=now,
    )


def _huge_pages(machine: Machine) -> ResourceList:
    return {f"{HUGE_PAGES}{format_bytes(size)}": format_bytes(kept) for size, kept in machine.huge_pages.items()}


def _resources(cpu_millis: int, memory_bytes: int, storage_bytes: int, pods: int) -> ResourceList:
    return {
        "cpu": format_cpu(cpu_millis),
        "memory": f"{memory_bytes // 1024}Ki",
        "ephemeral-storage": f"{storage_bytes // 1024}Ki",
        "pods": str(pods),
    }
