"""What a driver may be able to do besides the runtime port: commands in a container, alone or in
conversation with a person, killing later, other limits while it runs, limits for many together, sweeping.

An agent asks with `isinstance` whether the driver has an ability, and says what it cannot do where it has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from node_agent.runtime.port import ContainerState, Limits


@runtime_checkable
class KillsLater(Protocol):
    """The ability to keep the time of a container's end, without telling it before.

    Where it is missing, a preStop hook that hangs is cut short by the agent only.
    """

    async def kill_after(self, container_id: str, grace_s: float) -> None:
        """Sees to it that nothing of the container lives in `grace_s`, and tells it nothing before; returns at once.

        It is the driver that keeps the time, even if nobody calls it any more. A `stop` may follow.

        Raises:
            NoSuchContainer: The id is unknown.
        """


@dataclass(frozen=True, slots=True)
class Executed:
    """How a command in a container ended. `exit_code` is 128 + the signal for one that a signal ended.

    `output` is what it printed to stdout and stderr, at most as much as was asked for. `timed_out`: it was killed
    because its time was over.
    """

    exit_code: int
    output: bytes = b""
    timed_out: bool = False


@runtime_checkable
class Executes(Protocol):
    """The ability to run a command in a container, beside its program."""

    async def execute(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        working_dir: Path | None,
        timeout_s: float | None = None,
        output_bytes_max: int = 10 * 1024,
    ) -> Executed:
        """Runs the command under the container's limits until it ends, its time is over, or the container ends.

        Raises:
            NoSuchContainer: The id is unknown, or the container has ended.
            StartFailed: The command cannot be executed.
            RuntimeUnavailable: Unknown whether it was executed.
        """


@dataclass(frozen=True, slots=True)
class CommandFiles:
    """What a command reads and writes: paths of pipes, or three times that of a terminal, which then controls it.

    The driver opens them before the command begins; the caller keeps them open until it has ended.
    """

    stdin: str
    stdout: str
    stderr: str
    terminal: bool = False


@runtime_checkable
class Converses(Protocol):
    """The ability to run a command that somebody talks with."""

    async def converse(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        working_dir: Path | None,
        files: CommandFiles,
    ) -> int:
        """Runs the command as `Executes` does; its exit code. Cancelling the call ends the command with its session.

        Raises:
            NoSuchContainer: The id is unknown, or the container has ended.
            StartFailed: The command cannot be executed.
            RuntimeUnavailable: Nobody knows what became of the command.
        """


@runtime_checkable
class Resizes(Protocol):
    """The ability to change the limits of a running container."""

    async def resize(self, container_id: str, limits: Limits) -> ContainerState:
        """Puts other limits in force; one that has ended keeps what it had.

        Raises:
            NoSuchContainer: The id is unknown.
            RuntimeFailure: The limits cannot be kept now, for example because more memory is in use; nothing changed.
        """


@runtime_checkable
class Levels(Protocol):
    """The ability to bound what all containers of a level use together (see `node_agent.supervisor.tree`)."""

    async def bound(self, level: str, limits: Limits) -> None:
        """Puts a level's limits in force; the level "" bounds all containers.

        Raises:
            RuntimeFailure: They cannot be set now.
        """


@dataclass(frozen=True, slots=True)
class Swept:
    """Something on the machine that belongs to no container: `pids` live in it; `removed` if it is gone now."""

    name: str
    pids: tuple[int, ...] = ()
    removed: bool = False


@runtime_checkable
class Sweeps(Protocol):
    """The ability to find what is left over of containers that nobody knows any more."""

    async def sweep(self, *, dry_run: bool = False) -> tuple[Swept, ...]:
        """Ends and removes such leftovers; with `dry_run` only finds them.

        Raises:
            RuntimeFailure: It cannot be told now.
        """
