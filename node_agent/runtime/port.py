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

Containers are described in `containers`, what may go wrong in `failures`; a driver imports both from here. Executing
commands in a container, attach, images, resizing, levels and sweeping are abilities of their own
(`abilities`), which a driver may have besides this one.

*Never*: no method blocks the event loop, retries for ever, or decides whether something should run.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from node_agent.cgroup.port import HUGETLB, NO_LIMITS, NO_USAGE, Limits, Usage
from node_agent.runtime.containers import (
    ContainerPhase,
    ContainerSpec,
    ContainerState,
    ExitReason,
    LogPolicy,
    valid_container_id,
)
from node_agent.runtime.failures import NoSuchContainer, RuntimeFailure, RuntimeUnavailable, StartFailed, StdinNotOpen
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
            StartFailed: The program cannot be executed; with EINVAL, the id is not valid or there is no command.
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
