"""What chaos does to a cluster, drawn from a seed: kill -9, SIGSTOP and SIGCONT of agents, supervisors and workloads,
while pods are made, deleted and scaled.

A seed fixes what is drawn and when, not what the machines make of it: real processes do not repeat exactly. Each act is
told, so that a failure can be followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from proto.errors import ApiError
from proto.objects.pod import Pod
from tests.failures.observing import Observer, container_of, supervisor_of

REPLICAS = (2, 8)
PAUSE_S = (0.2, 1.2)
STOPPED_S = (0.1, 6.0)
"""From what nobody notices to what costs a machine its lease of a short pace."""


@dataclass(slots=True)
class Chaos:
    """Acts until it is told to stop; `told` are the acts, `replicas` what was wanted of `web` last."""

    observer: Observer
    seed: int
    replicas: int = 4
    told: list[str] = field(default_factory=list)
    _chance: random.Random = field(init=False)
    _stopped: dict[asyncio.Task[None], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    async def rage(self, for_s: float) -> None:
        """Act for so long, then let go of everything that was stopped."""
        acts: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
            (self._kill_agent, 2),
            (self._kill_supervisor, 3),
            (self._kill_workload, 1),
            (self._stop_something, 4),
            (self._scale, 2),
            (self._delete_pod, 3),
        )
        weights = [weight for _, weight in acts]
        loop = asyncio.get_running_loop()
        end_s = loop.time() + for_s
        while loop.time() < end_s:
            ((act, _),) = self._chance.choices(acts, weights)
            with contextlib.suppress(
                ApiError, LookupError, ProcessLookupError, AssertionError
            ):  # Its victim is not there now.
                await act()
            await asyncio.sleep(self._chance.uniform(*PAUSE_S))
        self._let_go()

    async def _kill_agent(self) -> None:
        name = self._machine()
        self._tell(f"kill agent {name}")
        self.observer.cluster.agents[name].program.signal(signal.SIGKILL)

    async def _kill_supervisor(self) -> None:
        name = self._machine()
        pid = supervisor_of(await self.observer.cluster.machines[name].processes())
        self._tell(f"kill supervisor {name} pid={pid}")
        os.kill(pid, signal.SIGKILL)

    async def _kill_workload(self) -> None:
        pid = await self._workload(self._machine())
        self._tell(f"kill workload {container_of(pid)} pid={pid}")
        os.kill(pid, signal.SIGKILL)

    async def _stop_something(self) -> None:
        name, what, for_s = self._machine(), self._chance.choice(("agent", "supervisor", "workload")), self._for_s()
        if what == "agent":
            pid = self.observer.cluster.agents[name].program.pid
        elif what == "supervisor":
            # It alone ends what must be one when the lease runs out: nobody can while it is stopped.
            if (await self.observer.pods())["db-0"].spec.node_name == name:
                return
            pid = supervisor_of(await self.observer.cluster.machines[name].processes())
        else:
            pid = await self._workload(name)
        self._tell(f"stop {what} {name} pid={pid} for {for_s:.1f} s")
        os.kill(pid, signal.SIGSTOP)
        task = asyncio.create_task(self._continue(pid, for_s), name=f"continue {pid}")
        self._stopped[task] = pid

    async def _continue(self, pid: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _let_go(self) -> None:
        for task, pid in self._stopped.items():
            task.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _scale(self) -> None:
        replicas = self._chance.randint(*REPLICAS)
        self._tell(f"scale web to {replicas}")
        await self.observer.scale("web", replicas)
        self.replicas = replicas

    async def _delete_pod(self) -> None:
        pods = sorted(await self.observer.pods())
        if pods:
            name, grace_s = self._chance.choice(pods), self._chance.choice((0, 1, 30))
            grace_s = max(grace_s, 1) if name.startswith("db-") else grace_s  # Force is a promise to look after it.
            self._tell(f"delete pod {name} grace={grace_s}")
            await self.observer.client.delete(Pod, name, "default", grace_s=grace_s)

    async def _workload(self, name: str) -> int:
        pids = [pid for pid in await self.observer.cluster.machines[name].processes() if container_of(pid)]
        assert pids, f"nothing runs on {name}"
        return self._chance.choice(sorted(pids))

    def _machine(self) -> str:
        return self._chance.choice(sorted(self.observer.cluster.machines))

    def _for_s(self) -> float:
        return self._chance.uniform(*STOPPED_S)

    def _tell(self, act: str) -> None:
        self.told.append(act)
