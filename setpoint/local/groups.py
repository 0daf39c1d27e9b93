"""Machines without root: a process tree each, all on loopback.

Cutting such a machine off stops all of its processes (SIGSTOP): like a silent loss of its link, that closes nothing
and answers nothing. Healing lets them go on (SIGCONT), with all that piled up meanwhile waiting in their sockets.

Writes: below each machine's state folder. Never: needs a privilege.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from proto.clock import Clock, SystemClock
from setpoint.local.errors import LocalError
from setpoint.local.process_tree import ProcessTree, Program

LOOPBACK = "127.0.0.1"
_POLL_S = 0.02


class TreeMachine:
    """A machine whose processes are one tree, on the network that the tree was opened on."""

    def __init__(self, name: str, address: str, state_dir: Path, tree: ProcessTree):
        self.name = name
        self.address = address
        self.state_dir = state_dir
        self._tree = tree
        self._clock: Clock = SystemClock()

    @classmethod
    async def open(cls, name: str, state_dir: Path) -> Self:
        """A machine on this host's own network."""
        make_folder(state_dir)
        return cls(name, LOOPBACK, state_dir, await ProcessTree.open())

    async def start(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Program:
        """Run a program; `python -m node_agent` logs to `node_agent.log`."""
        return await self._tree.start(argv, env=env, cwd=self.state_dir, log=self.state_dir / log_name(argv))

    async def cut(self) -> None:
        """Stop every process: without a link of its own, that is how this machine falls silent."""
        await self.freeze()

    async def heal(self) -> None:
        """Let every process go on."""
        await self.thaw()

    async def freeze(self) -> None:
        """Stop every process (SIGSTOP)."""
        await self._tree.freeze()

    async def thaw(self) -> None:
        """Let every process go on (SIGCONT)."""
        await self._tree.thaw()

    async def processes(self) -> tuple[int, ...]:
        """The pids of all that runs on it."""
        return await self._tree.processes()

    async def kill_all(self) -> None:
        """Kill every process (SIGKILL)."""
        await self._tree.kill_all()

    async def power_off(self, grace_s: float) -> None:
        """First the workloads end, so that the supervisor sees how; then everything else; then it is dark."""
        await self._tree.thaw()
        await self._end(ProcessTree.workloads, grace_s)
        await self._end(ProcessTree.processes, grace_s)
        await self.kill_all()

    async def close(self) -> None:
        """Kill everything on it."""
        with suppress(LocalError):
            await self.kill_all()
        await self._tree.close()

    async def _end(self, which: Callable[[ProcessTree], Awaitable[tuple[int, ...]]], grace_s: float) -> None:
        """SIGTERM to those processes, and wait until they are gone, for `grace_s` at most."""
        deadline_s = self._clock.monotonic_s() + grace_s
        for pid in await which(self._tree):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while await which(self._tree) and self._clock.monotonic_s() < deadline_s:
            await self._clock.sleep(_POLL_S)


class GroupFleet:
    """Machines that are process trees on loopback."""

    kind = "process groups on loopback"
    cut_means = "SIGSTOP of all its processes"
    hub_address = LOOPBACK

    def __init__(self) -> None:
        self._machines: list[TreeMachine] = []

    async def add(self, name: str, state_dir: Path) -> TreeMachine:
        """Make a machine."""
        machine = await TreeMachine.open(name, state_dir)
        self._machines.append(machine)
        return machine

    async def close(self) -> None:
        """Remove every machine."""
        await asyncio.gather(*(machine.close() for machine in self._machines))
        self._machines.clear()


def log_name(argv: Sequence[str]) -> str:
    """The log of a program: named after its module (`python -m module`), else after its file."""
    name = argv[argv.index("-m") + 1] if "-m" in argv else Path(argv[0]).name
    return f"{name}.log"


def make_folder(folder: Path) -> None:
    """Make a machine's state folder.

    Raises:
        LocalError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalError(f"cannot write to {folder}: {error.strerror}") from error
