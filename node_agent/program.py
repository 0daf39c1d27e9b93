"""The agent from its start to its end.

    agent = NodeAgent(bus, runtime, clock, ids, settings)
    await agent.start()        # adopt what runs, take up what was assigned, begin to look for the hub
    await agent.joined()       # the hub has given the name
    ...
    await agent.leave(60)      # if the node is to leave: its pods are handed over to others
    await agent.stop()         # the agent ends; the workloads go on

With `MemoryBus`, `FakeRuntime`, `MemoryStorage` and `MemoryMachine` it runs in virtual time; to restart such an agent
(or to kill it, with `polite=False`), stop it and give its runtime and storage to a new one.
"""

from __future__ import annotations

import asyncio
import logging

from node_agent.background import Background
from node_agent.leaving import handed_over
from node_agent.machine.port import Machine, MemoryMachine
from node_agent.membership.lease import Lease
from node_agent.membership.registration import NameRefused
from node_agent.parts import AgentPorts, Parts
from node_agent.pods.pods import Pods
from node_agent.runtime.port import Runtime
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import Storage
from proto import codec, subjects
from proto.bus.port import Bus, BusError
from proto.clock import Clock
from proto.ids import Ids
from proto.node import Goodbye
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

GOODBYE_TIMEOUT_S = 1.0
PODS_END_POLL_S = 0.2


class NodeAgent:
    """One node's agent. `incarnation` and `pods` are there after `start`."""

    def __init__(
        self,
        bus: Bus,
        runtime: Runtime,
        clock: Clock,
        ids: Ids,
        settings: AgentSettings,
        *,
        machine: Machine | None = None,
        storage: Storage | None = None,
    ) -> None:
        machine = machine or MemoryMachine(hostname=settings.node)
        self._ports = AgentPorts(bus, runtime, clock, ids, machine, storage or MemoryStorage())
        self._settings = settings
        self._background = Background(foreseen=(NameRefused,))
        self._parts: Parts | None = None
        self._started = False
        self.lease = Lease(clock, renewed=runtime.grant)

    @property
    def pods(self) -> Pods:
        """The pods of this node."""
        return self._made.pods

    @property
    def incarnation(self) -> str:
        """What tells this agent's state from that of any other of its name."""
        return self._made.incarnation

    @property
    def _made(self) -> Parts:
        assert self._parts is not None, "not started"
        return self._parts

    async def start(self) -> None:
        """Adopt what runs, go on with what was assigned, and begin to register. Needs no hub.

        Raises:
            StorageFailure: the state directory is held by another agent, or cannot be used.
            RuntimeUnavailable: the runtime cannot work on this machine.
        """
        runtime, storage = self._ports.runtime, self._ports.storage
        storage.open()
        try:
            await runtime.open()
            fingerprint = await runtime.fingerprint()
            parts = self._parts = Parts(self._ports, self._settings, fingerprint, self.lease, self._background)
        except BaseException:
            await runtime.close()
            storage.close()
            raise
        parts.restore()
        await parts.listen()
        for name, loop in parts.loops():
            self._background.spawn(loop, name)
        self._started = True

    async def joined(self) -> None:
        """Wait until the hub has given this agent its name.

        Raises:
            NameRefused: it does not.
        """
        joined = self._background.spawn(self._made.membership.joined.wait(), "joined")
        failed = self._background.spawn(self._watch_failure(), "failed")
        await asyncio.wait((joined, failed), return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        if failed.done():
            await self.run()
        failed.cancel()

    async def run(self) -> None:
        """Wait for ever, or until the agent cannot go on.

        Raises:
            NameRefused: another agent has the name now. The pods here were ended: they are that agent's.
        """
        try:
            await self._background.failure()
        except NameRefused:
            if self._made.membership.joined.is_set():
                await self._give_up_pods()
            raise

    async def leave(self, within_s: float) -> tuple[Pod, ...]:
        """Have the pods handed over to other nodes; those that are still here after `within_s` seconds.

        The node takes no new pods from now on; `stop` is to follow.
        """
        if not self._started:
            return ()
        self._made.membership.leave()
        return await handed_over(self.pods, self._made.membership, self._ports.clock, within_s)

    async def stop(self, *, polite: bool = True) -> None:
        """End the agent; the workloads go on. A node without pods says goodbye, so that its name is free at once."""
        if not self._started:
            return
        self._started = False
        if polite and not len(self.pods) and self.lease.valid:
            await self._say_goodbye()
        await self._background.close()
        await self._ports.runtime.close()
        self._ports.storage.close()

    async def _watch_failure(self) -> None:
        """Return when a task has failed (what it raised is for `run` to raise)."""
        try:
            await self._background.failure()
        except Exception:
            return

    async def _give_up_pods(self) -> None:
        """End all pods, with their grace."""
        log.error("name_lost ending all pods node=%s", self._settings.node)
        self.pods.unassign_all()
        while len(self.pods):
            await self._ports.clock.sleep(PODS_END_POLL_S)

    async def _say_goodbye(self) -> None:
        try:
            data = codec.pack(Goodbye(incarnation=self.incarnation))
            subject = subjects.node_up(self._settings.node, "goodbye")
            await self._ports.bus.request(subject, data, timeout_s=GOODBYE_TIMEOUT_S)
        except BusError as problem:
            log.info("goodbye_not_heard problem=%s", problem)
