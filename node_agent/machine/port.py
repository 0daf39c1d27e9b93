"""The machine port: what an agent asks of the computer that it runs on, and a made-up computer for simulations.

`host` is the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from node_agent.plan.eviction import Observed, Signal
from proto.objects.core import NodeSystemInfo


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """What the whole machine uses now."""

    cpu_millis: int = 0
    memory_bytes: int = 0


class Machine(Protocol):
    """A computer: its size, its name tags, what it uses, which of its ports are free."""

    @property
    def hostname(self) -> str:
        """Its own name."""

    @property
    def cpu_millis(self) -> int:
        """Its processors, in thousandths of a core."""

    @property
    def memory_bytes(self) -> int:
        """Its memory."""

    @property
    def storage_bytes(self) -> int:
        """The size of the file system on which pods write."""

    @property
    def pids_max(self) -> int:
        """How many processes and threads it can have; 0 where that cannot be told."""

    @property
    def huge_pages(self) -> Mapping[int, int]:
        """The memory that is kept for huge pages, by the size of a page; all in bytes."""

    def system_info(self) -> NodeSystemInfo:
        """Kernel, operating system, architecture, machine id."""

    def usage(self) -> MachineUsage:
        """What is used now; the processor's share since the last call."""

    def observe(self) -> Mapping[Signal, Observed]:
        """How much memory, disk and processes are free; what cannot be told is left out."""

    def port_is_free(self, port: int, protocol: str) -> bool:
        """Whether a program could listen on the port (TCP, UDP or SCTP) now."""


@dataclass
class MemoryMachine:
    """A made-up computer; `taken_ports` are those that others listen on, `observed` what is free."""

    hostname: str = "memory"
    cpu_millis: int = 4000
    memory_bytes: int = 8 * 2**30
    storage_bytes: int = 64 * 2**30
    pids_max: int = 32768
    huge_pages: dict[int, int] = field(default_factory=dict)
    taken_ports: set[int] = field(default_factory=set)
    observed: dict[Signal, Observed] = field(default_factory=dict)

    def system_info(self) -> NodeSystemInfo:
        """See the port."""
        return NodeSystemInfo(machine_id=f"machine-{self.hostname}", operating_system="linux", architecture="amd64")

    def usage(self) -> MachineUsage:
        """See the port."""
        return MachineUsage()

    def observe(self) -> Mapping[Signal, Observed]:
        """See the port."""
        return self.observed

    def port_is_free(self, port: int, protocol: str) -> bool:
        """See the port."""
        return port not in self.taken_ports
