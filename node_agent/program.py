"""Puts the agent together from its ports: the one place where everything meets.

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

from node_agent.assignments import AssignmentIntake
from node_agent.background import Background
from node_agent.cleanup import Cleanup
from node_agent.containers import ContainerTable
from node_agent.fingerprint import describe_machine, memory_for_pods, missing_abilities, pids_for_pods
from node_agent.health.actions import Actions
from node_agent.health.hooks import Hooks
from node_agent.health.prober import Prober
from node_agent.lease import Lease
from node_agent.leaving import handed_over
from node_agent.leftovers import LeftoverServer
from node_agent.level_bounds import LevelBounds
from node_agent.local_storage import LocalStorage
from node_agent.machine import Machine, MemoryMachine
from node_agent.membership import Membership
from node_agent.operations import Operations
from node_agent.performing import Performer
from node_agent.plan.environment import Host
from node_agent.plan.status import ENDED
from node_agent.pods import Pods
from node_agent.ports import PortTable
from node_agent.pressure import Pressure
from node_agent.problems import Problems
from node_agent.registration import NameRefused, Registrar, adopt_identity
from node_agent.reporting import Reporting
from node_agent.runtime.abilities import Resizes
from node_agent.runtime.port import Fingerprint, Runtime
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import Storage, StorageFailure
from node_agent.streams.servers import StreamServers
from node_agent.usage import UsageSampler
from proto import codec, subjects
from proto.bus.port import Bus, BusError
from proto.clock import Clock
from proto.ids import Ids
from proto.node import Goodbye, Heartbeat, Registration
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

GOODBYE_TIMEOUT_S = 1.0
PODS_END_POLL_S = 0.2


class NodeAgent:
    """One node's agent. `incarnation` and `lease` are there after `start`."""

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
        self._bus = bus
        self._runtime = runtime
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._machine = machine or MemoryMachine(hostname=settings.node)
        self._storage = storage or MemoryStorage()
        self._background = Background(foreseen=(NameRefused,))
        self._problems = Problems(runtime, self._storage, clock)
        self._usage = UsageSampler(self._machine, runtime, clock, settings)
        self._operations = Operations(runtime, self._storage, settings)
        self.lease = Lease(clock, renewed=runtime.grant)
        self.incarnation = ""
        self._started = False

    async def start(self) -> None:
        """Adopt what runs, go on with what was assigned, and begin to register. Needs no hub.

        Raises:
            StorageFailure: the state directory is held by another agent, or cannot be used.
            RuntimeUnavailable: the runtime cannot work on this machine.
        """
        self._storage.open()
        try:
            await self._runtime.open()
            await self._compose()
        except BaseException:
            await self._runtime.close()
            self._storage.close()
            raise
        self._restore()
        await self._listen()
        self._spawn_loops()
        self._started = True

    async def joined(self) -> None:
        """Wait until the hub has given this agent its name.

        Raises:
            NameRefused: it does not.
        """
        joined = self._background.spawn(self._membership.joined.wait(), "joined")
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
            if self._membership.joined.is_set():
                await self._give_up_pods()
            raise

    async def leave(self, within_s: float) -> tuple[Pod, ...]:
        """Have the pods handed over to other nodes; those that are still here after `within_s` seconds.

        The node takes no new pods from now on; `stop` is to follow.
        """
        if not self._started:
            return ()
        self._membership.leave()
        return await handed_over(self.pods, self._membership, self._clock, within_s)

    async def stop(self, *, polite: bool = True) -> None:
        """End the agent; the workloads go on. A node without pods says goodbye, so that its name is free at once."""
        if not self._started:
            return
        self._started = False
        if polite and not len(self.pods) and self.lease.valid:
            await self._say_goodbye()
        await self._background.close()
        await self._runtime.close()
        self._storage.close()

    async def _compose(self) -> None:
        """Find out who and where this is, and make the parts."""
        fingerprint = await self._runtime.fingerprint()
        identity = adopt_identity(self._storage, self._ids, self._machine.system_info().machine_id)
        self._identity = identity
        self.incarnation = identity.incarnation
        registration = describe_machine(
            self._settings, self._machine, fingerprint, identity.incarnation, identity.machine_id, self._clock.now()
        )
        self._compose_pods(registration, self._host(registration, fingerprint))
        self._compose_membership(registration, identity.predecessors)

    def _host(self, registration: Registration, fingerprint: Fingerprint) -> Host:
        """What pods learn of this machine, and what it keeps of their limits."""
        settings, machine = self._settings, self._machine
        return Host(
            node=settings.node,
            address=settings.address,
            allocatable=registration.allocatable,
            base_env=settings.base_env,
            pids_limit=settings.pids_limit,
            account=settings.account,
            crash_loop_max_s=settings.crash_loop_max_s,
            memory_bytes=machine.memory_bytes,
            enforced_memory_bytes=memory_for_pods(settings, machine) if settings.enforce_allocatable else None,
            enforced_pids=pids_for_pods(settings, machine) if settings.enforce_allocatable else None,
            unkept=missing_abilities(fingerprint, machine) if settings.refuse_unkept_limits else {},
            resizes=isinstance(self._runtime, Resizes),
        )

    def _compose_pods(self, registration: Registration, host: Host) -> None:
        """The parts that keep pods running."""
        settings = self._settings
        self._containers = ContainerTable(
            self._runtime,
            self._clock,
            changed=lambda uid, state: self.pods.hear(uid, state),
            relisted=self._relisted,
        )
        self._reporting = Reporting(
            self._bus, self._clock, self._ids, settings.node, self.incarnation,
            registration_lost=lambda: self._membership.register_again(),
        )  # fmt: skip
        self._ports = PortTable(self._machine, self._ids, settings.port_range)
        self._compose_health()
        self.pods = Pods(
            host=host,
            containers=self._containers,
            operations=self._operations,
            storage=self._storage,
            ports=self._ports,
            reporting=self._reporting,
            clock=self._clock,
            background=self._background,
            lease=self.lease,
            performer=self._performer,
            prober=self._prober,
            changed=lambda: self._levels.note_change(),
        )
        self._levels = LevelBounds(self._runtime, self._clock, host, lambda: self.pods.that(_goes_on))
        self._cleanup = Cleanup(
            self.pods, self._containers, self._operations, self._storage, self._clock, settings.cleanup_every_s
        )
        self._pressure = Pressure(
            self._machine, self._runtime, self._storage, self.pods, self._cleanup, self._clock, settings
        )
        self.pods.refusal = self._pressure.refusal
        self._local_storage = LocalStorage(self.pods, self._storage, self._clock, settings.storage_every_s)
        self._leftovers = LeftoverServer(self._bus, self._clock, self._background, settings.node, self._cleanup)
        self._streams = StreamServers(
            self._bus, self._clock, self._background, settings.node, self.pods, self._containers, self._operations,
            self._usage,
        )  # fmt: skip

    def _compose_health(self) -> None:
        """The parts that look after running containers."""
        actions = Actions(self._operations, self._clock)
        self._prober = Prober(
            actions, self._clock, self._ids, self._background,
            changed=lambda uid: self.pods.wake(uid), tell=self._reporting.tell,
        )  # fmt: skip
        self._performer = Performer(
            operations=self._operations,
            hooks=Hooks(actions, self._background),
            containers=self._containers,
            reporting=self._reporting,
            clock=self._clock,
        )

    def _compose_membership(self, registration: Registration, predecessors: tuple[str, ...]) -> None:
        """The parts that talk with the hub."""
        node = self._settings.node
        self._assignments = AssignmentIntake(
            self._bus, self._clock, self._ids, node, self.incarnation, self.pods,
            synced=self._cleanup.allow, confirmed=self.lease.confirm,
        )  # fmt: skip
        self._membership = Membership(
            bus=self._bus,
            clock=self._clock,
            ids=self._ids,
            background=self._background,
            node=node,
            registrar=Registrar(self._bus, self._clock, self._ids, registration, predecessors),
            lease=self.lease,
            compose=self._heartbeat,
            welcomed=self._welcomed,
            returned=self.pods.report_all,
            resync=self._assignments.want_sync,
        )

    def _relisted(self) -> None:
        """The runtime may be another one now, so everything is looked at, and set, anew."""
        self._levels.forget()
        self.pods.wake_all()

    def _restore(self) -> None:
        """Take up what the last life was assigned."""
        for record in self._storage.load_pods():
            self.pods.restore(record)
            if record.assigned:
                self._assignments.hold(record.assignment)

    async def _listen(self) -> None:
        await self._assignments.subscribe()
        await self._streams.subscribe()
        await self._leftovers.subscribe()

    def _spawn_loops(self) -> None:
        spawn = self._background.spawn
        spawn(self._containers.follow(), "containers")
        spawn(self._assignments.run(), "assignments")
        spawn(self._reporting.run(), "reporting")
        spawn(self._usage.run(), "usage")
        spawn(self._levels.run(), "levels")
        spawn(self._problems.run(), "problems")
        spawn(self._pressure.run(), "pressure")
        spawn(self._local_storage.run(), "local storage")
        spawn(self._cleanup.run(), "cleanup")
        spawn(self._membership.run(), "membership")

    def _welcomed(self) -> None:
        """The hub knows this agent: ask it for everything, tell it everything. Earlier lives do not matter any more."""
        if self._identity.predecessors:
            self._identity = self._identity.model_copy(update={"predecessors": ()})
            self._save_identity()
        self._assignments.want_sync()
        self.pods.report_all()
        self._reporting.open()

    def _save_identity(self) -> None:
        try:
            self._storage.save_identity(self._identity)
        except StorageFailure as problem:
            log.warning("identity_not_saved problem=%s", problem)

    def _heartbeat(self, sequence: int) -> Heartbeat:
        held = len(self._assignments)
        return Heartbeat(
            incarnation=self.incarnation,
            sequence=sequence,
            digest=self._assignments.digest,
            pods=held,
            usage=self._usage.node(held),
            pod_usage=self._usage.take_pods(),
            conditions=(*self._problems.take(), *self._pressure.conditions(sequence)),
            leaving=self._membership.leaving,
        )

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
            await self._clock.sleep(PODS_END_POLL_S)

    async def _say_goodbye(self) -> None:
        try:
            data = codec.pack(Goodbye(incarnation=self.incarnation))
            subject = subjects.node_up(self._settings.node, "goodbye")
            await self._bus.request(subject, data, timeout_s=GOODBYE_TIMEOUT_S)
        except BusError as problem:
            log.info("goodbye_not_heard problem=%s", problem)


def _goes_on(pod: Pod) -> bool:
    """Whether the pod's programs may still run."""
    return pod.status.phase not in ENDED
