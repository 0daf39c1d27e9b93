"""What a person or a test may set on an agent; the defaults are those of the design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from node_agent.machine.reserved import NOTHING_RESERVED, Reserved
from node_agent.plan.eviction import Threshold
from node_agent.plan.security import Account


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Settings of one agent.

    `address` is the machine's address, shown as the pods' IP. `base_env` is what every program starts with.
    `reserved` is kept back for the machine itself: allocatable is what is left, and with `enforce_allocatable` all pods
    together get no more. `pids_limit` bounds the processes and threads of a container that sets no limit of its own.
    With `refuse_unkept_limits` a container does not start where a limit of it cannot be kept; without, the node's
    condition tells. `account` is who the agent runs as.
    """

    node: str
    address: str = "127.0.0.1"
    labels: Mapping[str, str] = field(default_factory=dict)
    base_env: Mapping[str, str] = field(default_factory=dict)
    pods_max: int = 250
    reserved: Reserved = NOTHING_RESERVED
    enforce_allocatable: bool = True
    refuse_unkept_limits: bool = False
    pids_limit: int | None = 4096
    account: Account = field(default_factory=Account)
    port_range: tuple[int, int] = (20000, 30000)
    """Where free ports are taken from, [first, last): below the range that Linux gives to outgoing connections."""

    thresholds: tuple[Threshold, ...] = ()
    """What counts as a shortage of memory, disk or processes."""
    pressure_every_s: float = 1.0
    pressure_transition_s: float = 300.0
    """A condition of pressure goes only after so long without a shortage."""
    eviction_grace_s: float = 0.0
    """How long an evicted pod's programs have to end, at most, when a soft threshold is met."""

    storage_every_s: float = 10.0
    """How often pods with limits of local storage are measured."""

    crash_loop_max_s: int = 300
    """How long a container that keeps ending waits at most for its next life."""

    usage_every_s: float = 5.0
    pod_usage_every_s: float = 15.0
    cleanup_every_s: float = 60.0
    log_bytes_max: int = 10 * 1024 * 1024
    log_files_max: int = 5
