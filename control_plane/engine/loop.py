"""The reconcile loop: from changes to keys, from a key to a plan, from a plan to its outcome.

One loop runs one controller. A change only names keys; the loop then reads everything (level, not edge), so a missed
or repeated change does no harm. Before a key is looked at again the mirror must hold what the last pass wrote for it;
otherwise a controller would not know its own children. A full pass every few minutes takes the same path as changes,
and is spread so that it is never noticed.

A controller that raises is contained: it is logged once for that key and the key backs off, all others go on.

*Reads*: the mirror. *Writes*: nothing itself, see `apply`. *Never*: decides.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from itertools import count
from typing import Any

from control_plane.engine.apply import Applier, Outcome, Record, Verdict, describe
from control_plane.engine.queue import WorkQueue
from control_plane.plan import Controller, Emit, HearsRefusals, Key, Plan, Watch
from control_plane.store.mirror import Mirror, MirrorEvent
from proto.clock import Clock
from proto.objects.meta import Object

log = logging.getLogger(__name__)

CATCH_UP_S = 5.0
"""After so long without its own write in the mirror (the stream was replaced), a key is looked at regardless."""

CONFLICT_S = 0.01
"""The first back-off: about what the mirror needs to show the change that was faster."""

REST = 3.0
REST_S_MIN = 0.01
"""A key that takes long to look at (thousands of children) rests three times as long before changes of its children
are looked at, all at once: one key costs a quarter of a core at most, however fast they come."""

OBJECTS_A_TURN = 200
"""How much of a full pass is done before others get the event loop."""


@dataclass(frozen=True, slots=True)
class LoopPace:
    """`workers` plans are applied at a time; a full pass takes place every `full_pass_s` seconds."""

    workers: int = 16
    full_pass_s: float = 300.0


class ReconcileLoop:
    """Runs one controller for one term of leadership."""

    def __init__(
        self,
        controller: Controller[Any],
        mirror: Mirror,
        applier: Applier,
        clock: Clock,
        record: Record,
        pace: LoopPace | None = None,
    ):
        self._controller = controller
        self._mirror = mirror
        self._applier = applier
        self._clock = clock
        self._record = record
        self._pace = pace or LoopPace()
        self._watches = _by_kind(controller.watches)
        self._written: dict[Key, int] = {}
        self._faults: dict[Key, str] = {}
        self._passes = count(1)
        self.queue: WorkQueue[Key] = WorkQueue(clock, backoff_s=CONFLICT_S)

    async def run(self) -> None:
        """Reconcile for ever: everything once, then what changes, then everything again now and then."""
        unsubscribe = self._mirror.subscribe(self.on_event, self._watches)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._pace.workers):
                    group.create_task(self._work())
                group.create_task(self._full_passes())
        finally:
            unsubscribe()
            self.queue.close()

    def on_event(self, event: MirrorEvent) -> None:
        """Queue the keys that a change concerns."""
        for watch in self._watches[event.kind.kind]:
            self._enqueue(watch, event.old, event.new)

    async def _full_passes(self) -> None:
        pause_s = 0.0
        while True:
            self.queue.overflowed = False
            added = set[Key]()
            for watch in self._controller.watches:
                for number, obj in enumerate(tuple(self._mirror.list(watch.kind)), 1):
                    self._enqueue(watch, None, obj, added)
                    if number % OBJECTS_A_TURN == 0:
                        await self._clock.sleep(pause_s)
            pause_s = 0.1
            await self._until_next_full_pass()

    async def _until_next_full_pass(self) -> None:
        """Wait for the interval; an overflow of the queue shortens it."""
        deadline_s = self._clock.monotonic_s() + self._pace.full_pass_s
        while (remaining_s := deadline_s - self._clock.monotonic_s()) > 0 and not self.queue.overflowed:
            await self._clock.sleep(min(remaining_s, 30.0))

    def _enqueue(self, watch: Watch, old: Object | None, new: Object | None, added: set[Key] | None = None) -> None:
        """Queue the keys of one change; `added` are those of a full pass so far, each of which is looked at once."""
        try:
            for key in watch.keys(old, new, self._mirror):
                if added is not None:
                    if key in added:
                        continue
                    added.add(key)
                self.queue.add(key)
        except Exception as error:
            log.error("watch failed controller=%s error=%r", self._controller.name, error, exc_info=error)

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            rest_s = 0.0
            try:
                rest_s = await self._pass(key)
            finally:
                if rest_s < REST_S_MIN:
                    self.queue.done(key)
                else:
                    asyncio.get_running_loop().call_later(rest_s, self.queue.done, key)
            await asyncio.sleep(0)

    async def _pass(self, key: Key) -> float:
        """One look at one key; for how many seconds it should then rest, though changes wait for it."""
        await self._catch_up(key)
        pass_id = f"{self._controller.name}-{next(self._passes)}"
        started_s = self._clock.monotonic_s()
        decided = self._decide(key, pass_id)
        if decided is None:
            return 0.0
        took_s = self._clock.monotonic_s() - started_s
        view, plan = decided
        outcome = Outcome()
        if plan.actions:
            if log.isEnabledFor(logging.DEBUG):
                log.debug("pass=%s key=%s/%s plan=%s", pass_id, *key, describe(plan.actions))
            outcome = await self._applier.perform(plan, pass_id)
        if outcome.verdict is Verdict.REFUSED:
            await self._tell_refusal(view, outcome, pass_id)
        if outcome.revision > self._mirror.revision:
            self._written[key] = outcome.revision
        self._settle(key, plan, outcome, pass_id)
        return 0.0 if plan.requeue_after_s == 0.0 else took_s * REST

    async def _catch_up(self, key: Key) -> None:
        revision = self._written.pop(key, 0)
        if revision > self._mirror.revision and not await self._mirror.wait_for(revision, CATCH_UP_S):
            log.info("mirror behind controller=%s key=%s/%s revision=%d", self._controller.name, *key, revision)

    def _decide(self, key: Key, pass_id: str) -> tuple[Any, Plan] | None:
        """The view of a key and the plan for it; None if the controller failed, which is contained here."""
        try:
            view = self._controller.observe(self._mirror, key, self._clock.now())
            plan = Plan() if view is None else self._controller.reconcile(view)
        except Exception as error:
            fault = repr(error)
            delay_s = self.queue.retry(key)
            if self._faults.get(key) != fault:
                self._faults[key] = fault
                log.error(
                    "pass=%s controller failed key=%s/%s retry_s=%.2f error=%s", pass_id, *key, delay_s, fault,
                    exc_info=error,
                )  # fmt: skip
            return None
        self._faults.pop(key, None)
        return view, plan

    def _settle(self, key: Key, plan: Plan, outcome: Outcome, pass_id: str) -> None:
        """When to look again, by what became of the plan."""
        if outcome.verdict is Verdict.DONE:
            self.queue.succeed(key)
            if plan.requeue_after_s is not None:
                self.queue.add_after(key, plan.requeue_after_s)
            return
        delay_s = self.queue.retry(key)
        log.debug(
            "pass=%s key=%s/%s verdict=%s retry_s=%.2f problem=%s", pass_id, *key, outcome.verdict.name, delay_s,
            outcome.problem,
        )  # fmt: skip

    async def _tell_refusal(self, view: Any, outcome: Outcome, pass_id: str) -> None:
        """An Event on the object whose controller was refused, and what the controller itself has to say of it."""
        if outcome.action is None:
            return
        obj = outcome.action.object
        owner = obj.metadata.controller
        subject = (self._mirror.by_uid(owner.uid) if owner is not None else None) or obj
        message = f"{type(outcome.action).__name__} {obj.KIND} {obj.metadata.name} was refused: {outcome.problem}"
        self._record(Emit(subject, f"Failed{type(outcome.action).__name__}", message, "Warning"))
        if isinstance(self._controller, HearsRefusals):
            await self._applier.perform(self._controller.refused(view, outcome.action, outcome.problem), pass_id)


def _by_kind(watches: tuple[Watch, ...]) -> dict[str, tuple[Watch, ...]]:
    kinds: dict[str, tuple[Watch, ...]] = {}
    for watch in watches:
        kinds[watch.kind.KIND] = (*kinds.get(watch.kind.KIND, ()), watch)
    return kinds
