"""The runtime port: what a driver must do so that the agent can run containers on it.

Writing a driver: implement `Runtime`, and name a callable `(RuntimeSettings) -> Runtime` in the entry point
group `setpoint.runtimes`; docs/runtimes.md is the guide. `conformance` holds the sentences below as tests, for a third
party's driver too.

The contract in short:

- A *container* is one life of one program. Its id is chosen by the caller, is unique for ever (for example
  `<pod uid>.<container name>.<attempt>`) and is started at most once: a second `start` of a known id
  returns its state, whether it runs or has ended. A restart is a new id.
- A container ends when its first process ends; whatever else it left behind is killed then.
- How a life ended is kept until `remove`, over any restart of agent or driver.
- Changes are level-based: `events` may leave out states that were overtaken, never the last one.

Executing commands in a container, attach, images, resizing, levels and sweeping are abilities of their own
(`abilities`), which a driver may have besides this one.

*Never*: no method blocks the event loop, retries for ever, or decides whether something should run.
"""

import re
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from node_agent.cgroup.port import HUGETLB, NO_LIMITS, NO_USAGE, Limits, Usage
from node_agent.supervisor.security import PLAIN, Security
from node_agent.supervisor.wire import Fence

__all__ = [
    "HUGETLB",
    "NO_LIMITS",
    "NO_USAGE",
    "PLAIN",
    "PORT_VERSION",
    "Changed",
    "ContainerPhase",
    "ContainerSpec",
    "ContainerState",
    "ExitReason",
    "Fence",
    "Fingerprint",
    "Limits",
    "LogPolicy",
    "NoSuchContainer",
    "Relisted",
    "Runtime",
    "RuntimeEvent",
    "RuntimeFactory",
    "RuntimeFailure",
    "RuntimeSettings",
    "RuntimeUnavailable",
    "Security",
    "StartFailed",
    "StdinNotOpen",
    "Usage",
    "valid_container_id",
]

PORT_VERSION = 1
"""The version of this port. It grows only when a driver written for the last one would do something wrong: new fields
of specs and states have defaults, and new abilities are protocols of their own."""

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


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What this driver can do on this machine, for the Node's conditions and labels.

    `abilities` are words such as `memory`, `cpu`, `pids`, `hugetlb`, `tree-kill` (see `node_agent.cgroup.port`) and
    `outlives-agent`. `missing` maps an ability that does not work here to one sentence that says why.
    """

    driver: str
    version: str
    boot_id: str
    abilities: frozenset[str]
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """One container started or ended."""

    state: ContainerState


@dataclass(frozen=True, slots=True)
class Relisted:
    """The driver (re)gained sight of the machine: these are all containers, forget any other."""

    states: tuple[ContainerState, ...]


RuntimeEvent = Changed | Relisted


class RuntimeFailure(Exception):
    """A driver could not do what was asked.

    RuntimeFailure
     ├ StartFailed          the program cannot be started: a fault of the spec or of the machine's files
     ├ NoSuchContainer      the id is unknown (never started, or removed)
     ├ StdinNotOpen         the container's program reads from nobody
     └ RuntimeUnavailable   the driver is out of reach for now; repeat later, every verb is idempotent
    """


class StartFailed(RuntimeFailure):
    """The program could not be executed; no container exists afterwards.

    `errno` is the system's code (ENOENT, EACCES, ENOEXEC, …); the message names the file or folder at fault.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


class NoSuchContainer(RuntimeFailure):
    """The id is unknown."""


class StdinNotOpen(RuntimeFailure):
    """The container was started without stdin, or its stdin has ended."""


class RuntimeUnavailable(RuntimeFailure):
    """The driver cannot be reached now."""


class Runtime(Protocol):
    """A driver: the machine's containers, seen from the agent."""

    async def open(self) -> None:
        """Makes the driver ready and adopts what already runs.

        Raises:
            RuntimeUnavailable: It cannot work on this machine.
        """

    async def close(self) -> None:
        """Lets go of the driver. Containers go on; this ends all `events` iterators."""

    async def fingerprint(self) -> Fingerprint:
        """What the driver can do here."""

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """Starts the container, or returns the state of the one that already bears the id.

        Raises:
            StartFailed: The program cannot be executed.
            RuntimeUnavailable: Unknown whether it was started: repeat with the same id.
        """

    async def list(self) -> tuple[ContainerState, ...]:
        """All containers that were started and not removed, ended ones too, in order of their ids."""

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """Yields a `Relisted` at once, then every change; any number of iterators may be open."""

    async def signal(self, container_id: str, number: int) -> None:
        """Sends a signal to the process group of a running container; no effect on one that has ended.

        Raises:
            NoSuchContainer: The id is unknown.
        """

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        """Sends the stop signal to its process group, SIGKILL to all of it after `grace_s`; returns when it has ended.

        A second call may only shorten the grace. Cancelling the call does not cancel the stop.

        Raises:
            NoSuchContainer: The id is unknown.
        """

    async def remove(self, container_id: str) -> None:
        """Forgets the container and deletes its logs, killing it first if need be; unknown ids are fine."""

    def grant(self, sent_s: float, lease_s: float) -> None:
        """The node's lease was renewed by a heartbeat sent at `sent_s` on CLOCK_BOOTTIME; returns at once.

        A container with a fence is started only while its fence has not run out. When it does, the driver stops it by
        itself, within the time, even if nobody calls the driver any more; it ends with reason `Fenced`.
        """

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        """What running containers use; all of them when no ids are given. Unknown ids are left out."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What a driver is told about the node it works for. `state_dir` is its own, and survives restarts."""

    node_name: str
    state_dir: Path


class RuntimeFactory(Protocol):
    """What an entry point of the group `setpoint.runtimes` names: most often the driver's class."""

    port_version: int
    """The `PORT_VERSION` that the driver was written for, as a number of its own: importing ours would tell nothing."""

    def __call__(self, settings: RuntimeSettings) -> Runtime:
        """Builds the driver; it does nothing before `open`."""
