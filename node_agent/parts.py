"""The agent's parts and what each knows of the others: made once, from the ports and what the machine turned out to be.

*Reads*: the settings, the machine and the runtime's fingerprint; later, for heartbeats, what the parts have found.
*Writes*: the agent's identity. *Never*: starts anything; `program` does that.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass

from node_agent.background import Background
from node_agent.containers.level_bounds import LevelBounds
from node_agent.containers.operations import Operations
from node_agent.containers.ports import PortTable
from node_agent.containers.table import ContainerTable
from node_agent.health.actions import Actions
from node_agent.health.hooks import Hooks
from node_agent.health.prober import Prober
from node_agent.machine.fingerprint import describe_machine, memory_for_pods, missing_abilities, pids_for_pods
from node_agent.machine.port import Machine
from node_agent.machine.usage import UsageSampler
from node_agent.membership.lease import Lease
from node_agent.membership.membership import Membership
from node_agent.membership.registration import Registrar, adopt_identity
from node_agent.plan.environment import Host
from node_agent.pods.assignments import AssignmentIntake
from node_agent.pods.performing import Performer
from node_agent.pods.pods import Pods
from node_agent.pods.reporting import Reporting
from node_agent.pressure.cleanup import Cleanup
from node_agent.pressure.leftovers import LeftoverServer
from node_agent.pressure.local_storage import LocalStorage
from node_agent.pressure.pressure import Pressure
from node_agent.problems import Problems
from node_agent.runtime.abilities import Resizes
from node_agent.runtime.port import Fingerprint, Runtime
from node_agent.settings import AgentSettings
from node_agent.storage.port import Storage, StorageFailure
from node_agent.streams.servers import StreamServers
from proto.bus.port import Bus
from proto.clock import Clock
from proto.ids import Ids
from proto.node import Heartbeat, Registration
from proto.objects.pod import Pod
from proto.phases import ENDED

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AgentPorts:
    """All that the agent has of the world."""

    bus: Bus
    runtime: Runtime
    clock: Clock
    ids: Ids
    machine: Machine
    storage: Storage


class Parts:
    """One agent's parts, for its whole life."""

    pods: Pods
    membership: Membership
    _levels: LevelBounds

    def __init__(
        self, ports: AgentPorts, settings: AgentSettings, fingerprint: Fingerprint, lease: Lease, background: Background
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._background = background
        self.lease = lease
        machine, storage, clock = ports.machine, ports.storage, ports.clock
        self._identity = adopt_identity(storage, ports.ids, machine.system_info().machine_id)
        self.incarnation = self._identity.incarnation
        registration = describe_machine(
            settings, machine, fingerprint, self.incarnation, self._identity.machine_id, clock.now()
        )
        self._problems = Problems(ports.runtime, storage, clock)
        self._usage = UsageSampler(machine, ports.runtime, clock, settings)
        self._operations = Operations(ports.runtime, storage, settings)
        self._compose_pods(self._host(registration, fingerprint))
        self._compose_upkeep()
        self._compose_membership(registration)

    def restore(self) -> None:
        """Take up what the last life was assigned."""
        for record in self._ports.storage.load_pods():
            self.pods.restore(record)
            if record.assigned:
                self._assignments.hold(record.assignment)

    async def listen(self) -> None:
        """Begin to hear what is asked of this node."""
        await self._assignments.subscribe()
        await self._streams.subscribe()
        await self._leftovers.subscribe()

    def loops(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What goes on for ever, by name."""
        yield "containers", self._containers.follow()
        yield "assignments", self._assignments.run()
        yield "reporting", self._reporting.run()
        yield "usage", self._usage.run()
        yield "levels", self._levels.run()
        yield "problems", self._problems.run()
        yield "pressure", self._pressure.run()
        yield "local storage", self._local_storage.run()
        yield "cleanup", self._cleanup.run()
        yield "membership", self.membership.run()

    def _host(self, registration: Registration, fingerprint: Fingerprint) -> Host:
        """What pods learn of this machine, and what it keeps of their limits."""
        settings, machine = self._settings, self._ports.machine
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
            resizes=isinstance(self._ports.runtime, Resizes),
        )

    def _compose_pods(self, host: Host) -> None:
        """The parts that keep pods running."""
        ports, settings = self._ports, self._settings
        self._containers = ContainerTable(
            ports.runtime,
            ports.clock,
            changed=lambda uid, state: self.pods.hear(uid, state),
            relisted=self._relisted,
        )
        self._reporting = Reporting(
            ports.bus, ports.clock, ports.ids, settings.node, self.incarnation,
            registration_lost=lambda: self.membership.register_again(),
        )  # fmt: skip
        actions = Actions(self._operations, ports.clock)
        self.pods = Pods(
            host=host,
            containers=self._containers,
            operations=self._operations,
            storage=ports.storage,
            ports=PortTable(ports.machine, ports.ids, settings.port_range),
            reporting=self._reporting,
            clock=ports.clock,
            background=self._background,
            lease=self.lease,
            performer=Performer(
                operations=self._operations,
                hooks=Hooks(actions, self._background),
                containers=self._containers,
                reporting=self._reporting,
                clock=ports.clock,
            ),
            prober=Prober(
                actions, ports.clock, ports.ids, self._background,
                changed=lambda uid: self.pods.wake(uid), tell=self._reporting.tell,
            ),
            ask_hub=lambda: self._assignments.want_sync(),
            changed=lambda: self._levels.note_change(),
        )  # fmt: skip
        self._levels = LevelBounds(ports.runtime, ports.clock, host, lambda: self.pods.that(_goes_on))

    def _compose_upkeep(self) -> None:
        """The parts that keep the machine in order, and those that show what runs on it."""
        bus, clock, settings, background = self._ports.bus, self._ports.clock, self._settings, self._background
        storage = self._ports.storage
        self._cleanup = Cleanup(self.pods, self._containers, self._operations, storage, clock, settings.cleanup_every_s)
        self._pressure = Pressure(
            self._ports.machine, self._ports.runtime, storage, self.pods, self._cleanup, clock, settings
        )
        self.pods.refusal = self._pressure.refusal
        self._local_storage = LocalStorage(self.pods, storage, clock, settings.storage_every_s)
        self._leftovers = LeftoverServer(bus, clock, background, settings.node, self._cleanup)
        self._streams = StreamServers(
            bus, clock, background, settings.node, self.pods, self._containers, self._operations, self._usage
        )

    def _compose_membership(self, registration: Registration) -> None:
        """The parts that talk with the hub."""
        bus, clock, ids, node = self._ports.bus, self._ports.clock, self._ports.ids, self._settings.node
        self._assignments = AssignmentIntake(
            bus, clock, ids, node, self.incarnation, self.pods,
            synced=self._cleanup.allow, confirmed=self.lease.confirm,
        )  # fmt: skip
        self.membership = Membership(
            bus=bus,
            clock=clock,
            ids=ids,
            background=self._background,
            node=node,
            registrar=Registrar(bus, clock, ids, registration, self._identity.predecessors),
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

    def _welcomed(self) -> None:
        """The hub knows this agent: ask it for everything, tell it everything. Earlier lives do not matter any more."""
        if self._identity.predecessors:
            self._identity = self._identity.model_copy(update={"predecessors": ()})
            try:
                self._ports.storage.save_identity(self._identity)
            except StorageFailure as problem:
                log.warning("identity_not_saved problem=%s", problem)
        self._assignments.want_sync()
        self.pods.report_all()
        self._reporting.open()

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
            leaving=self.membership.leaving,
        )


def _goes_on(pod: Pod) -> bool:
    """Whether the pod's programs may still run."""
    return pod.status.phase not in ENDED
