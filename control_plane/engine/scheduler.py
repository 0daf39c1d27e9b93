"""The scheduler's hands: feeds `control_plane.scheduling` with what changes, and binds what it decides.

All pods that wait are decided together; binds go out pipelined while the next ones are decided, because a decision
counts as soon as it is made. A bind that fails is forgotten, and the pod is tried again from what is then true. A pod
that fits nowhere gets the condition `PodScheduled=False` with the reason per filter, and an Event; where others matter
less, room is made for it (`preempting`).

The table is fed from the start, leader or not, so that a new leader places at once.

*Reads*: nodes and pods from the mirror. *Writes*: `spec.nodeName` and the condition `PodScheduled` of pods.
*Never*: decides where.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from control_plane.amend import Amender
from control_plane.engine.pending import PendingPods, awaits_node
from control_plane.engine.preempting import Preempting, unplaceable
from control_plane.plan import Emit
from control_plane.scheduling import Decision, Scheduling, node_changes, pod_changes
from control_plane.store import lifecycle
from control_plane.store.mirror import Mirror, MirrorEvent
from control_plane.store.port import RevisionMismatch, Store, StoreError
from control_plane.tasks import Tasks
from proto.clock import Clock
from proto.objects.core import Node
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

BATCH = 1_000
"""Pods decided in one go: some tens of milliseconds at most, in which heartbeats wait."""

BINDS_MAX = 512
SAFETY_S = 60.0
"""How often parked pods are tried although nothing relevant was seen to change."""

RETRY_SHARE = 10
"""A retry of the parked pods is followed by this many times its own duration without one."""

FAILED_BIND_S = 0.2
"""How long a pod rests after its bind failed: the mirror needs a moment to show why."""


class SchedulerTable:
    """The scheduling table and the pending pods, kept up to date from the mirror for the life of the program."""

    def __init__(self, mirror: Mirror):
        self.scheduling = Scheduling()
        self.pending = PendingPods()
        self.busy: dict[str, Pod] = {}
        self.changed = asyncio.Event()
        mirror.subscribe(self.on_event, (Node.KIND, Pod.KIND))

    def on_event(self, event: MirrorEvent) -> None:
        """Take a change over; O(change)."""
        if event.kind.kind == Pod.KIND:
            self._on_pod(cast("Pod | None", event.old), cast("Pod | None", event.new))
        else:
            self._on_node(cast("Node | None", event.old), cast("Node | None", event.new))

    def _on_node(self, old: Node | None, new: Node | None) -> None:
        self.scheduling.on_node(old, new)
        if change := node_changes(old, new):
            self.pending.hint(change)
            self.changed.set()

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        self.scheduling.on_pod(old, new)
        if change := pod_changes(old, new):
            self.pending.hint(change)
            self.changed.set()
        if new is not None and awaits_node(new):
            if new.metadata.uid not in self.busy:
                self.pending.put(new)
                self.changed.set()
        elif (gone := new or old) is not None:
            self.pending.drop(gone.key)


class Scheduler:
    """Places pods for one term of leadership."""

    def __init__(
        self,
        table: SchedulerTable,
        store: Store,
        mirror: Mirror,
        amender: Amender,
        clock: Clock,
        tasks: Tasks,
        record: Callable[[Emit], None],
    ):
        self._table = table
        self._store = store
        self._mirror = mirror
        self._amender = amender
        self._clock = clock
        self._tasks = tasks
        self._record = record
        self._preempting = Preempting(table.scheduling, mirror, amender, clock, record)
        self._room = asyncio.Semaphore(BINDS_MAX)
        self._retry_not_before_s = 0.0

    async def run(self) -> None:
        """Place what waits, for ever; what an earlier term had decided and not bound is taken back first."""
        for pod in tuple(self._table.busy.values()):
            self._try_again(pod)
        self._table.busy.clear()
        self._table.pending.wake(everyone=True)
        self._tasks.spawn("scheduler safety", self._wake_now_and_then())
        while True:
            await self._wait_for_work()
            await self._place_batch()

    async def _wake_now_and_then(self) -> None:
        while True:
            await self._clock.sleep(SAFETY_S)
            if self._table.pending.parked:
                self._table.pending.wake(everyone=True)
                self._table.changed.set()

    async def _wait_for_work(self) -> None:
        pending, changed = self._table.pending, self._table.changed
        while not pending:
            if pending.hinted:
                await self._clock.sleep(max(0.0, self._retry_not_before_s - self._clock.monotonic_s()))
                pending.wake()
                continue
            changed.clear()
            await changed.wait()
        await asyncio.sleep(0)

    async def _place_batch(self) -> None:
        """Decide for a batch and send the binds off; waits only for room among those on their way."""
        started_s = self._clock.monotonic_s()
        decisions = self._decide()
        now_s = self._clock.monotonic_s()
        self._retry_not_before_s = now_s + (now_s - started_s) * RETRY_SHARE
        for decision in decisions:
            await self._room.acquire()
            self._tasks.once(f"schedule {decision.pod.metadata.name}", self._carry_out(decision))
            if decision.may_preempt:
                await asyncio.sleep(0)  # The search that comes next takes milliseconds; heartbeats go first.
        log.debug("placed pods=%d took_s=%.4f parked=%d", len(decisions), now_s - started_s, self._table.pending.parked)

    def _decide(self) -> list[Decision]:
        """The next decisions, all noted in the table in the same instant; only those that call for a write."""
        table = self._table
        news = []
        for decision in table.scheduling.place(table.pending.take(BATCH)):
            if decision.node is not None:
                table.busy[decision.pod.metadata.uid] = decision.pod
                news.append(decision)
                continue
            table.pending.park(decision.pod, decision.retry_on)
            if decision.may_preempt or self._is_news(decision.pod, decision.explanation):
                news.append(decision)
        return news

    async def _carry_out(self, decision: Decision) -> None:
        try:
            if decision.may_preempt:
                await self._preempt(decision)
            elif decision.node is None:
                await self._tell_unplaceable(decision.pod, decision.explanation)
            else:
                await self._bind(decision.pod, decision.node, decision.explanation)
        finally:
            self._room.release()

    async def _bind(self, pod: Pod, node: str, explanation: str) -> None:
        """Write the placement; if that fails, give the room on the node back and let the pod be tried again."""
        bound = False
        try:
            await self._store.put(lifecycle.for_binding(pod, node, self._clock.now()), pod.metadata.revision)
            bound = True
            self._record(Emit(pod, "Scheduled", explanation))
        except RevisionMismatch:
            await self._mirror.wait_for(self._mirror.revision + 1, FAILED_BIND_S)
        except StoreError as error:
            log.info("bind failed pod=%s/%s node=%s error=%s", *pod.key, node, error)
            await self._clock.sleep(FAILED_BIND_S)
        finally:
            self._table.busy.pop(pod.metadata.uid, None)
            if not bound:
                self._try_again(pod)

    def _try_again(self, pod: Pod) -> None:
        """Take a placement back, unless the mirror shows that it was written after all."""
        newest = self._mirror.get(Pod, *pod.key)
        same = newest is not None and newest.metadata.uid == pod.metadata.uid
        if not (same and newest is not None and newest.spec.node_name):
            self._table.scheduling.forget(pod)
        if newest is not None and awaits_node(newest):
            self._table.pending.put(newest)
            self._table.changed.set()

    async def _preempt(self, decision: Decision) -> None:
        """Make room for a pod that waits, at the cost of less important ones; or say why that does not help."""
        pod = self._mirror.get(Pod, *decision.pod.key)
        if pod is None or not awaits_node(pod) or pod.metadata.uid != decision.pod.metadata.uid:
            return
        preemption = self._preempting.decide(decision)
        if preemption.keeps:
            return
        if not preemption.node:
            await self._tell_unplaceable(pod, f"{decision.explanation} {preemption.explanation}")
            return
        self._record(Emit(pod, "FailedScheduling", decision.explanation, "Warning"))
        if not await self._preempting.carry_out(pod, preemption, decision.explanation):
            await self._clock.sleep(FAILED_BIND_S)
            self._table.pending.drop(pod.key)
            self._try_again(pod)

    def _is_news(self, pod: Pod, why: str) -> bool:
        return unplaceable(pod, why, self._clock.now(), nominated="") is not None

    async def _tell_unplaceable(self, pod: Pod, why: str) -> None:
        """Say on the pod why it waits; only what is new is written."""
        if not self._is_news(pod, why):
            return
        now = self._clock.now()

        def explained(newest: Pod) -> Pod | None:
            return unplaceable(newest, why, now, nominated="") if awaits_node(newest) else None

        self._record(Emit(pod, "FailedScheduling", why, "Warning"))
        try:
            await self._amender.amend(Pod, *pod.key, explained)
        except StoreError as error:
            log.info("condition not written pod=%s/%s error=%s", *pod.key, error)
