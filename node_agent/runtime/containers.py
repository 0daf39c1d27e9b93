"""One container as the runtime port speaks of it: what it is to be, and what is known of it. Values only."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from node_agent.cgroup.port import NO_LIMITS, Limits
from node_agent.supervisor.security import PLAIN, Security
from node_agent.supervisor.wire import Fence

_CONTAINER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def valid_container_id(container_id: str) -> bool:
    """Whether the id may be used: letters, digits, `.`, `_`, `-`, at most 200; it names files."""
    return _CONTAINER_ID.fullmatch(container_id) is not None


class ContainerPhase(StrEnum):
    """Where a container is in its only life."""

    RUNNING = "Running"
    EXITED = "Exited"


class ExitReason(StrEnum):
    """Why a container ended, in the words of Kubernetes' `state.terminated.reason` where it has one."""

    COMPLETED = "Completed"
    """Exit code 0."""
    ERROR = "Error"
    """Any other exit code, or a signal."""
    OOM_KILLED = "OOMKilled"
    """The kernel killed a process of the container for exceeding its memory limit."""
    UNKNOWN = "Unknown"
    """It ended while nobody could see its exit code; `exit_code` is None."""
    REBOOT = "Reboot"
    """The machine restarted under it; `exit_code` is None."""
    FENCED = "Fenced"
    """The driver stopped it because its fence had run out, whatever exit code that led to."""


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """Where the output goes, and how much of it is kept.

    `path` is the current file; older ones are `path.1` (newest) to `path.N`, `max_files` in all including
    the current one. A file is rotated before a line would take it beyond `max_bytes`. Lines have the CRI
    format, see `logs`.
    """

    path: Path
    max_bytes: int = 10 * 1024 * 1024
    max_files: int = 5


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """All that a driver must know to start one container.

    `env` is the whole environment; nothing is inherited but what the driver itself adds
    (`SETPOINT_CONTAINER_ID`). A program name without a slash is looked up in `PATH` of `env`. `annotations`
    are kept with the container and given back untouched, so that a restarted agent finds what it needs to
    know. `fence` says how long it may run without a grant (see `Runtime.grant`). `level` is the group of
    containers that it counts with (see `Levels`), `oom_score_adj` (-1000 to 1000) how readily the kernel ends it
    when the machine is out of memory; a driver that may not set it leaves it alone. `security` says as whom it
    runs, and what it may; what a driver cannot keep of it makes `start` fail. `stop_signal` is what asks it to end.

    Only a driver with the ability `Attaches` is ever told of the last three. Without `stdin` the program reads nothing
    but its end; with it, whatever attached clients write; with `stdin_once` that ends when the first of them that could
    write has gone. With `tty` the program has a terminal of its own, which it reads, writes and is controlled by.
    """

    id: str
    argv: tuple[str, ...]
    log: LogPolicy
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: Path | None = None
    limits: Limits = NO_LIMITS
    annotations: Mapping[str, str] = field(default_factory=dict)
    fence: Fence | None = None
    level: str = ""
    oom_score_adj: int | None = None
    security: Security = PLAIN
    stop_signal: int = signal.SIGTERM
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What is known about one container. Times are Unix seconds. `limits` are those in force.

    For a death by signal `exit_code` is 128 + `signal` (137 for SIGKILL), as shells and Kubernetes count.
    """

    id: str
    phase: ContainerPhase
    pid: int | None = None
    started_at_s: float = 0.0
    finished_at_s: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: ExitReason | None = None
    oom_killed: bool = False
    log_path: Path | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = NO_LIMITS

    @property
    def running(self) -> bool:
        """Whether the container's first process still lives, as far as the driver knows."""
        return self.phase is ContainerPhase.RUNNING
