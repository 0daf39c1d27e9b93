"""What a driver may be able to do besides the runtime port: commands in a container, alone or in conversation with a
person, talking with a container's own program, telling its processes, killing later, other limits while it runs, limits
for many together, sweeping.

An agent asks with `isinstance` whether the driver has an ability, and says what it cannot do where it has not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

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


@dataclass(frozen=True, slots=True)
class Printed:
    """Something that a container's program has printed. What a terminal shows is all `stdout`."""

    stream: Literal["stdout", "stderr"]
    data: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """So much of the output came too fast for whoever listens, and will not be told."""

    count_bytes: int


class Attachment(Protocol):
    """A line to a container's own program, for one client. Any number of them may be open at a time.

    It never holds the program up: a client that listens too slowly misses something, and is told how much.
    """

    def heard(self) -> AsyncIterator[Printed | Missed | ContainerState]:
        """What the program prints from now on; last of all the state of the container that has ended.

        Raises:
            RuntimeUnavailable: The line broke; the program goes on.
        """

    async def write(self, data: bytes) -> None:
        """Gives the program something to read; waits until it is on its way. What no program reads any more falls."""

    async def end_input(self) -> None:
        """Nothing more is written: the end of a stdin with `stdin_once`, nothing for any other."""

    async def resize(self, columns: int, rows: int) -> None:
        """Gives the program's terminal, if it has one, another size."""

    async def close(self) -> None:
        """Lets go; the program goes on, without this writer. Whoever still listens learns that the line broke."""


@runtime_checkable
class Attaches(Protocol):
    """The ability to talk with a container's own program, and so to start one with `stdin` or `tty`."""

    async def attach(self, container_id: str, *, stdin: bool) -> Attachment:
        """Opens a line to the program of a running container; with `stdin` one that can write.

        Raises:
            NoSuchContainer: The id is unknown, or the container has ended.
            StdinNotOpen: It was started without stdin, or that has ended.
            RuntimeUnavailable: The driver is out of reach.
        """


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process of a container as the machine's `ps` would tell it. Times are seconds, `started_at_s` is Unix time.

    `state` is one letter (R, S, D, Z, T, I); `command` the arguments, or the program's name alone where there are none.
    """

    pid: int
    parent_pid: int
    user: str
    state: str
    cpu_s: float
    started_at_s: float
    memory_bytes: int
    threads: int
    command: tuple[str, ...]


@runtime_checkable
class TellsProcesses(Protocol):
    """The ability to tell a container's processes."""

    async def processes(self, container_id: str) -> tuple[ProcessState, ...]:
        """All processes of a running container, by their pids.

        Raises:
            NoSuchContainer: The id is unknown, or the container has ended.
            RuntimeUnavailable: The driver is out of reach.
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
