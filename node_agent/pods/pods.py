"""The pods of this node: each is brought to what its plan says, again and again.

Anything that may matter to a pod (an assignment, a container's end, a finished step, a timer) only *wakes* it. A woken
pod is looked at as a whole: make the plan, publish its status, launch its steps. Looking is synchronous and cheap; the
steps are tasks (`performing`), at most one a container (and its stop), and each wakes the pod again when it ends.

Reads: assignments, the table of containers. Writes: statuses (through `publishing`), steps to the runtime.
Never: talks to the hub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from node_agent.background import Background
from node_agent.containers.operations import Operations
from node_agent.containers.ports import PortTable
from node_agent.containers.table import ContainerTable
from node_agent.health.prober import Prober
from node_agent.membership.lease import Lease
from node_agent.plan.admission import lack_of_room
from node_agent.plan.environment import Host
from node_agent.plan.pod import plan_pod
from node_agent.plan.status import EVICTED
from node_agent.plan.surroundings import Surroundings, surroundings_of
from node_agent.plan.view import Ends, Eviction, Start
from node_agent.pods.alarms import Alarms
from node_agent.pods.keeping import Siblings
from node_agent.pods.performing import Performer
from node_agent.pods.publishing import Publisher
from node_agent.pods.reporting import Reporting
from node_agent.pods.room import Room
from node_agent.pods.setbacks import Setbacks
from node_agent.pods.work import PodWork
from node_agent.runtime.port import ContainerState
from node_agent.storage.port import PodRecord, Storage
from proto.clock import Clock
from proto.disconnection import disconnection
from proto.node import Assignment
from proto.objects.container import Container
from proto.objects.lean import lean
from proto.objects.meta import evolve
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

PATIENCE_S = 0.5
"""A new pod that does not run after so long is reported as it is."""


class Pods:
    """All pods that this node holds, or held and has not finished with.

    `changed` is called when they are others, `ask_hub` when one cannot go on before the hub has named it again.
    """

    def __init__(
        self,
        *,
        host: Host,
        containers: ContainerTable,
        operations: Operations,
        storage: Storage,
        ports: PortTable,
        reporting: Reporting,
        clock: Clock,
        background: Background,
        lease: Lease,
        performer: Performer,
        prober: Prober,
        ask_hub: Callable[[], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._host = host
        self._containers = containers
        self._operations = operations
        self._ports = ports
        self._reporting = reporting
        self._setbacks = Setbacks(clock, reporting)
        self._publisher = Publisher(storage, reporting, changed)
        self._clock = clock
        self._background = background
        self._alarms = Alarms(background, clock, self.wake)
        self._lease = lease
        self._performer = performer
        self._prober = prober
        self._ask_hub = ask_hub
        self._changed = changed
        self.refusal: Callable[[Pod], str] = lambda pod: ""
        self._works: dict[str, PodWork] = {}
        self._siblings = Siblings()
        self._room = Room(host)
        self._woken: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._works)

    def __contains__(self, uid: str) -> bool:
        return uid in self._works

    def find(self, namespace: str, name: str) -> PodWork | None:
        """The pod of that name; of two (one is ending), the one that is still assigned."""
        found = [w for w in self._works.values() if w.pod.key == (namespace, name)]
        return max(found, key=lambda work: work.assigned, default=None)

    def that(self, chosen: Callable[[Pod], bool]) -> tuple[Pod, ...]:
        """The pods that are chosen, each with the status that was reported last."""
        known = (evolve(work.pod, status=work.reported) for work in self._works.values())
        return tuple(filter(chosen, known))

    def surroundings(self, work: PodWork, container: Container) -> Surroundings:
        """What a command that runs beside a container's program is given."""
        return surroundings_of(work.pod, container, work.config, work.ports, self._host)

    def restore(self, record: PodRecord) -> None:
        """A pod that the agent's last life knew."""
        work = PodWork(self._siblings.kept(record.assignment), lean(record.reported), record.assigned, unsaved=False)
        if record.kill_at is not None:
            work.ends = Ends(record.kill_at, record.grace_s or 0.0)
        if record.reported.reason == EVICTED:
            work.eviction = Eviction(record.reported.message, record.grace_s or 0.0)
        work.ports = self._ports.choose(work.pod, record.ports)
        self._works[work.uid] = work
        self._room.note(work)
        self._changed()
        self.wake(work.uid)

    def assign(self, assignment: Assignment) -> None:
        """This pod should be here, in this form."""
        uid = assignment.pod.metadata.uid
        work = self._works.get(uid)
        if work is None or work.cleared:
            work = PodWork(assignment, work.reported if work is not None else assignment.pod.status)
            self._works[uid] = work
            self._admit(work)
        elif work.assigned and work.assignment == assignment:
            return
        work.assignment, work.assigned = self._siblings.kept(assignment), True
        work.unsaved = True
        self._room.note(work)
        self._changed()
        self.wake(uid)

    def evict(self, uid: str, eviction: Eviction) -> None:
        """End a pod, since the node is short of something."""
        work = self._works.get(uid)
        if work is not None:
            work.evict(eviction)
            self._room.note(work)
            self.wake(uid)

    def tidy(self, *, wanted: bool) -> None:
        """Keep nothing of earlier lives of containers, or keep it again."""
        for work in self._works.values():
            if work.tidy != wanted:
                work.tidy = wanted
                self.wake(work.uid)

    def _admit(self, work: PodWork) -> None:
        """A pod that never was here is not taken while the node is short of something, or has no room for it."""
        if work.reported.start_time is not None or work.pod.deleting:
            return
        if problem := self.refusal(work.pod):
            work.evict(Eviction(problem))
        elif lack := lack_of_room(work.pod, work.amounts, self._room.for_new(work.uid), self._host):
            work.evict(lack)

    def unassign(self, uid: str) -> None:
        """This pod should not be here any more, and the hub does not ask what becomes of it."""
        work = self._works.get(uid)
        if work is None:
            return
        self._reporting.forget(uid)
        work.assigned, work.unsaved = False, True
        self._room.note(work)
        if work.cleared:
            self._finish(work)
        else:
            self.wake(uid)

    def report_all(self) -> None:
        """Tell everything again, to a hub that may have missed something."""
        for work in self._works.values():
            if work.assigned and not work.unreported:
                self._reporting.report(work.report())

    def unassign_all(self) -> None:
        """Give up every pod: this node's name belongs to somebody else."""
        for uid in tuple(self._works):
            self.unassign(uid)

    def wake(self, uid: str) -> None:
        """Look at this pod soon; many wakes before that are one."""
        if not self._woken:
            asyncio.get_running_loop().call_soon(self._look)
        self._woken[uid] = None

    def hear(self, uid: str, state: ContainerState) -> None:
        """A container of this pod changed. What a step of ours has just made run is looked at when the step ends."""
        work = self._works.get(uid)
        if work is None or not state.running or state.id not in work.busy:
            self.wake(uid)

    def wake_all(self) -> None:
        """Look at every pod: the runtime has told all that it knows, so it works."""
        for work in self._works.values():
            work.release()
            self.wake(work.uid)

    def _look(self) -> None:
        woken, self._woken = self._woken, {}
        if not self._containers.listed:
            return
        for uid in woken:
            work = self._works.get(uid)
            if work is None or work.cleared:
                continue
            try:
                self._advance(work)
            except Exception as fault:  # A fault of ours costs this pod its pass, not those that were woken with it.
                self._alarms.set(work.uid, self._setbacks.note(work, fault))

    def _advance(self, work: PodWork) -> None:
        """One pass: plan, publish, launch the steps."""
        now = self._clock.now()
        work.ports = self._ports.choose(work.pod, work.ports)
        fenced = self._is_fenced(work.pod)
        states = self._containers.of_pod(work.uid)
        self._performer.running(work, frozenset(state.id for state in states if state.running))
        health, resized = self._prober.health_of(work.uid), (work.pod.metadata.generation or 1) > 1
        room = self._room.for_growth(work.uid) if resized else {}
        self._performer.read_messages(work, states)
        plan = plan_pod(work.view(self._host, states, health, fenced=fenced, room=room), now)
        self._prober.follow(work.uid, plan.targets)
        work.note_end(plan.ends)
        new = (
            work.unreported
            and not (work.unmounted or work.hold_s)
            and any(isinstance(step, Start) for step in plan.steps)
        )
        self._publisher.publish(work, plan.status, patient=new)
        self._room.note(work)
        held_s = work.held_until_s - self._clock.monotonic_s()
        if held_s > 0:
            self._alarms.set(work.uid, held_s)
            return
        for step in plan.steps:
            self._performer.begin(work, step)
            self._spawn(work, f"{type(step).__name__} {step.id}", self._performer.perform, step)
        running = any(state.running for state in states)
        if running and (files := self._performer.stale_files(work, self._host)) is not None:
            self._spawn(work, f"refresh volumes {work.uid}", self._performer.refresh_volumes, files)
        if plan.gone and not work.clearing:
            work.clearing = True
            self._spawn(work, f"clear {work.uid}", self._clear)
        wait_s = (plan.wake_at - now).total_seconds() if plan.wake_at else None
        self._alarms.set(work.uid, PATIENCE_S if new else wait_s)

    def _is_fenced(self, pod: Pod) -> bool:
        """Whether it may not start now; where it is only the hub's word that is missing, the hub is asked."""
        policy = disconnection(pod)
        if self._lease.lacks_word(policy):
            self._ask_hub()
        return not self._lease.allows(policy)

    async def _clear(self, work: PodWork) -> None:
        """Everything has ended: remove the directory, free the ports, tell the hub.

        The runtime is asked once more, since a start whose answer was lost may have happened. The pod is held until the
        hub takes it away: finalizers may keep its object a while.
        """
        try:
            found = await self._operations.find(work.uid)
            if not found:
                await self._operations.remove_files(work.uid)
        finally:
            work.clearing = False
        for state in found:
            self._containers.note(state)
        if found or (work.assigned and not work.pod.deleting):
            work.unsaved = True  # There is more to end, or it was assigned anew in the meantime.
            return
        self._ports.release(work.uid)
        work.cleared = True
        if work.assigned:
            self._reporting.report(work.report())
        else:
            self._finish(work)

    def _finish(self, work: PodWork) -> None:
        """Forget the pod."""
        self._alarms.set(work.uid, None)
        self._prober.follow(work.uid, ())
        self._works.pop(work.uid, None)
        self._room.forget(work.uid)
        self._changed()

    def _spawn(self, work: PodWork, name: str, perform: Callable[..., Awaitable[None]], *about: object) -> None:
        self._background.spawn(self._guarded(work, perform, *about), name)

    async def _guarded(self, work: PodWork, perform: Callable[..., Awaitable[None]], *about: object) -> None:
        """Run a step; while the runtime or the disk fails, hold the pod's steps back and then look again."""
        try:
            await perform(work, *about)
        except Exception as problem:
            self._setbacks.note(work, problem)
        else:
            work.release()
        self.wake(work.uid)
