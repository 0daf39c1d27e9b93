"""A whole cluster on this host, composed and kept running: NATS server, control planes, machines with their agents.

The order of the start is that of the dependencies, though each program would wait for the others by itself. The order
of the stop matters more: the control planes go first, so that nobody mourns the agents and re-creates their pods
while the machines are being switched off; the objects stay as they are and the next start goes on with them.

Reads: nothing of the API. Writes: below the data folder; one folder a machine, and logs.
Never: stops with a process left over.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from setpoint.local.errors import LocalError
from setpoint.local.groups import make_folder
from setpoint.local.kept import KeptProgram, Report, log_only
from setpoint.local.machines import Fleet, Isolation, Machine, open_fleet
from setpoint.local.nats_server import NatsOptions, NatsServer
from setpoint.local.process_tree import ProcessTree, Program

STOP_WITHIN_S = 5.0
POWER_OFF_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class ClusterShape:
    """What a local cluster consists of.

    `port` 0 takes a free one. `sync_always=False` gives up durability against loss of power (see `NatsOptions`).
    `control_plane_arguments` and `agent_arguments` are passed on to every such program.
    """

    data_dir: Path
    machines: tuple[str, ...] = ("m1",)
    control_planes: int = 1
    port: int = 0
    isolation: Isolation = "auto"
    sync_always: bool = True
    control_plane_arguments: tuple[str, ...] = ()
    agent_arguments: tuple[str, ...] = ()


@dataclass(slots=True)
class LocalCluster:
    """A running cluster; `async with LocalCluster(shape) as cluster`.

    `machines` and `agents` are keyed by node name, `control_planes` by number from 0.
    """

    shape: ClusterShape
    report: Report = log_only
    machines: dict[str, Machine] = field(default_factory=dict)
    agents: dict[str, KeptProgram] = field(default_factory=dict)
    control_planes: list[KeptProgram] = field(default_factory=list)
    why: str = ""
    _fleet: Fleet | None = None
    _nats: NatsServer | None = None
    _nats_program: KeptProgram | None = None
    _hub: ProcessTree | None = None

    @property
    def url(self) -> str:
        """Where the API answers: the NATS server's address, the same for machines and for this host."""
        return self.nats.url

    @property
    def nats(self) -> NatsServer:
        """The embedded server."""
        assert self._nats is not None, "the cluster was never started"
        return self._nats

    @property
    def nats_program(self) -> KeptProgram:
        """The embedded server's process, for those who kill it."""
        assert self._nats_program is not None, "the cluster was never started"
        return self._nats_program

    @property
    def fleet(self) -> Fleet:
        """The kind of machines this cluster has; `why` says why it is this kind."""
        assert self._fleet is not None, "the cluster was never started"
        return self._fleet

    async def start(self) -> None:
        """Start everything, without waiting for nodes to be Ready.

        Raises:
            LocalError: this host does not allow it; nothing is left running then.
        """
        try:
            self._fleet, self.why = await open_fleet(self.shape.isolation)
            await self._start_hub()
            await asyncio.gather(*(self._add_machine(name) for name in self.shape.machines))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop everything in order and leave no process, link or socket behind; safe to repeat."""
        async with AsyncExitStack() as rest:
            # Entered in reverse: what is pushed last is closed first, and each step runs though another failed.
            if self._fleet is not None:
                rest.push_async_callback(self._fleet.close)
            if self._nats is not None:
                rest.push_async_callback(self._nats.close)
            if self._nats_program is not None:
                rest.push_async_callback(self._nats_program.forsake)
            if self._hub is not None:
                rest.push_async_callback(self._hub.close)
            rest.push_async_callback(self._stop_machines)
            rest.push_async_callback(self._stop_all, self.control_planes)

    async def power_off(self, name: str) -> None:
        """The power of a machine fails: all its processes are killed at once, and its agent stays dead."""
        await self.agents[name].forsake()
        await self.machines[name].kill_all()

    async def power_on(self, name: str) -> None:
        """The power of a machine is back: its agent starts with what is on its disk."""
        await self.agents[name].start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _start_hub(self) -> None:
        """Start the NATS server and the control planes."""
        make_folder(self.shape.data_dir)
        self._nats = NatsServer(
            NatsOptions(
                data_dir=self.shape.data_dir / "nats",
                host=self.fleet.hub_address,
                port=self.shape.port,
                sync_always=self.shape.sync_always,
            )
        )
        self._nats_program = KeptProgram("the NATS server", self._nats.start, self.report)
        await self._nats_program.start()
        self._hub = await ProcessTree.open()
        for number in range(self.shape.control_planes):
            await self._add_control_plane(number)

    async def _add_control_plane(self, number: int) -> None:
        hub = self._hub
        assert hub is not None
        log = self.shape.data_dir / f"control_plane-{number}.log"
        argv = program_argv("control_plane", "--nats", self.url, *self.shape.control_plane_arguments)

        async def launch() -> Program:
            return await hub.start(argv, log=log, cwd=self.shape.data_dir)

        kept = KeptProgram(f"control plane {number}", launch, self.report)
        self.control_planes.append(kept)
        await kept.start()

    async def _add_machine(self, name: str) -> None:
        machine = await self.fleet.add(name, self.shape.data_dir / "machines" / name)
        argv = program_argv(
            "node_agent",
            *("--nats", self.url, "--name", name, "--state-dir", str(machine.state_dir / "agent")),
            *self.shape.agent_arguments,
        )

        async def launch() -> Program:
            return await machine.start(argv)

        self.machines[name] = machine
        self.agents[name] = KeptProgram(f"the agent of {name}", launch, self.report)
        await self.agents[name].start()

    async def _stop_machines(self) -> None:
        """Switch every machine off: a frozen one must wake first, since it cannot obey."""
        await asyncio.gather(*(machine.thaw() for machine in self.machines.values()), return_exceptions=True)
        await self._stop_all(list(self.agents.values()))
        await asyncio.gather(*(machine.power_off(POWER_OFF_GRACE_S) for machine in self.machines.values()))
        self.machines.clear()
        self.agents.clear()

    async def _stop_all(self, programs: list[KeptProgram]) -> None:
        await asyncio.gather(*(program.stop(STOP_WITHIN_S) for program in programs))


def program_argv(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line of one of our own programs, run by this very Python."""
    return (sys.executable, "-m", module, *arguments)


__all__ = ["ClusterShape", "LocalCluster", "LocalError", "program_argv"]
