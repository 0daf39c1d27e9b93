"""A simulated machine: a runtime with its processes, a state directory, and the agent that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextvars import Context
from typing import Any, TypeVar

from node_agent.machine.port import MemoryMachine
from node_agent.program import NodeAgent
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import (
    Changed,
    ContainerSpec,
    ContainerState,
    Fingerprint,
    RuntimeEvent,
    RuntimeSettings,
    Usage,
)
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from proto.bus.memory import MemoryNetwork
from proto.clock import EPOCH, LoopClock
from proto.ids import RandomIds, hash64
from tests.sim.bus import ProgramBus
from tests.sim.programs import Program
from tests.sim.trace import Trace

T = TypeVar("T")

LATENCY_S = 0.0005
"""Of a good link, one way."""

RESTART_S = 1.0
"""How long the service manager waits before it starts a program again."""


class Computer:
    """Hardware and its processes, which an agent uses through the runtime port but which are not the agent's.

    What the agent asks for happens on the machine's own account: a process goes on when the agent that started it dies.
    """

    def __init__(self, name: str, trace: Trace):
        self.program = Program(f"{name}/processes")
        self.runtime = FakeRuntime(
            RuntimeSettings(name, MemoryStorage().log_path("", "", 0)), boot_epoch_s=EPOCH.timestamp()
        )
        self.listeners: list[Callable[[ContainerState], None]] = []
        """Called when a process runs or has ended."""
        self._name = name
        self._trace = trace
        self.program.start(self._watch())

    async def open(self) -> None:
        await self._outside(self.runtime.open())

    async def close(self) -> None:
        await self._outside(self.runtime.close())

    async def fingerprint(self) -> Fingerprint:
        return await self._outside(self.runtime.fingerprint())

    async def start(self, spec: ContainerSpec) -> ContainerState:
        return await self._outside(self.runtime.start(spec))

    async def list(self) -> tuple[ContainerState, ...]:
        return await self.runtime.list()

    def events(self) -> AsyncIterator[RuntimeEvent]:
        return self.runtime.events()

    async def signal(self, container_id: str, number: int) -> None:
        await self._outside(self.runtime.signal(container_id, number))

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        return await self._outside(self.runtime.stop(container_id, grace_s))

    async def remove(self, container_id: str) -> None:
        await self._outside(self.runtime.remove(container_id))

    def grant(self, sent_s: float, lease_s: float) -> None:
        self.runtime.grant(sent_s, lease_s)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        return await self.runtime.stats(container_ids)

    async def _outside(self, work: Coroutine[Any, Any, T]) -> T:
        context = self.program.context.copy()
        return await asyncio.shield(asyncio.get_running_loop().create_task(work, context=context))

    async def _watch(self) -> None:
        async for event in self.runtime.events():
            if isinstance(event, Changed):
                state = event.state
                how = "runs" if state.running else f"ended exit={state.exit_code} signal={state.signal}"
                self._trace.note(self._name, f"process {state.id} {how}")
                for listener in self.listeners:
                    listener(state)


class SimMachine:
    """One node: switch it off and on, kill or freeze its agent, cut its link."""

    def __init__(self, name: str, network: MemoryNetwork, seed: int, trace: Trace, *, cpu_millis: int = 4000):
        self.name = name
        self.network = network
        self.trace = trace
        self.computer = Computer(name, trace)
        self.storage = MemoryStorage(f"/{name}")
        self.hardware = MemoryMachine(hostname=name, cpu_millis=cpu_millis)
        self.agent: NodeAgent | None = None
        self.program: Program | None = None
        self.powered = True
        self.deaths: list[str] = []
        self._seed = seed
        self._lives = 0
        network.link(name).latency_s = LATENCY_S
        self._bus: ProgramBus | None = None

    @property
    def running(self) -> bool:
        """Whether the agent is there and not frozen."""
        return self.program is not None and not self.program.killed and not self.program.frozen

    def start_agent(self) -> None:
        """Start an agent on this machine's state directory."""
        self._lives += 1
        program = self.program = Program(f"{self.name}", self._agent_ended)
        self._bus = ProgramBus(self.network, self.name, program)
        ids = RandomIds(hash64(self._seed, self.name, self._lives))
        settings = AgentSettings(node=self.name, address=f"10.0.0.{self.name[1:]}")
        self.agent = NodeAgent(
            self._bus, self.computer, LoopClock(), ids, settings, machine=self.hardware, storage=self.storage
        )
        self.trace.note(self.name, f"agent starts life={self._lives}")
        program.start(_run_agent(self.agent))

    def ensure_agent(self) -> None:
        """The service manager starts the agent if it is not there."""
        if self.powered and (self.program is None or self.program.killed):
            self.start_agent()

    def kill_agent(self) -> None:
        """kill -9 of the agent alone."""
        if self.program is None or self.program.killed:
            return
        self.program.kill()
        self.storage.close()
        if self._bus is not None:
            self._bus.vanish()

    def lose_power(self) -> None:
        """Everything stops at once, and nobody is told."""
        self.powered = False
        self.cut_link()
        self.kill_agent()
        self.computer.runtime.reboot()

    def regain_power(self) -> None:
        """It boots; the service manager starts the agent."""
        self.powered = True
        self.mend_link()
        self.ensure_agent()

    def freeze(self) -> None:
        """SIGSTOP of the agent and of all processes."""
        self.computer.program.freeze()
        if self.program is not None:
            self.program.freeze()

    def hang_agent(self) -> None:
        """SIGSTOP of the agent alone: its supervisor and its processes go on."""
        if self.program is not None:
            self.program.freeze()

    def wake_agent(self) -> None:
        """SIGCONT of the same."""
        if self.program is not None:
            self.program.thaw()

    def thaw(self) -> None:
        """SIGCONT of the same."""
        self.computer.program.thaw()
        if self.program is not None:
            self.program.thaw()

    def cut_link(self) -> None:
        """The link goes down silently."""
        self.network.partition(self.name)

    def mend_link(self) -> None:
        """The link is up again."""
        self.network.heal(self.name)

    def disconnect(self) -> None:
        """The connection is reset."""
        self.network.disconnect(self.name)

    def reconnect(self) -> None:
        """The connection is back."""
        self.network.heal(self.name)

    def worsen_link(self) -> None:
        """Messages are lost and late."""
        link = self.network.link(self.name)
        link.loss, link.latency_s = 0.1, 0.3

    def stutter(self) -> None:
        """Every third message arrives twice."""
        self.network.link(self.name).duplication = 0.3

    def speak_clearly(self) -> None:
        """Every message arrives once again."""
        self.network.link(self.name).duplication = 0.0

    def better_link(self) -> None:
        """The link is good again."""
        link = self.network.link(self.name)
        link.loss, link.latency_s = 0.0, LATENCY_S

    def kill_processes(self) -> None:
        """kill -9 of every workload process."""
        for container_id, process in sorted(self.computer.runtime._processes.items()):
            if process.state.running:
                self.computer.program.start(self.computer.runtime.signal(container_id, 9))

    def processes(self) -> list[str]:
        """The ids of the containers that run here now."""
        return [state.id for state in self.computer.runtime._listing() if state.running]

    def _agent_ended(self, program: Program, error: BaseException | None) -> None:
        """The service manager's part: a program that ends by itself is noted and started again."""
        self.deaths.append(f"agent of {self.name} ended by itself: {error!r}")
        self.trace.note(self.name, f"agent ended by itself {error!r}")
        self.kill_agent()
        asyncio.get_running_loop().call_later(RESTART_S, self.ensure_agent, context=Context())


async def _run_agent(agent: NodeAgent) -> None:
    await agent.start()
    await agent.run()
