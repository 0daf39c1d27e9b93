"""A world for controllers: objects, plans applied by compare-and-swap, a mirror that may lag, crashes between writes.

The engine's rules in miniature, synchronous and without chance: whoever drives it says who acts next and what fails.
Keys come from the controllers' own watches, so a controller that forgets to watch something does not converge here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from control_plane.budgets import as_target
from control_plane.controllers import ALL
from control_plane.plan import Action, Controller, Create, Delete, Emit, Key, Plan
from control_plane.store import lifecycle
from control_plane.store.history import MirrorEvent
from control_plane.store.lifecycle import DeleteOptions, Removal
from control_plane.store.mirror import Mirror
from control_plane.store.port import Change
from proto.objects.core import Namespace
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from tests.controllers.builders import NOW

Obj = TypeVar("Obj", bound=Object)
Work = tuple[int, Key]
"""A controller's number and a key that waits for it."""


class World:
    """`truth` is what is stored; `seen` is what the controllers see of it."""

    def __init__(self, *objects: Object, controllers: tuple[Controller[Any], ...] = ALL):
        self.controllers = controllers
        self.truth = Mirror()
        self.seen = Mirror()
        self.now = NOW
        self.lag: list[Change] = []
        self.waiting: dict[Work, None] = {}
        self.due: dict[Work, datetime] = {}
        self.own_writes: dict[Work, int] = {}
        self.events: list[Emit] = []
        self.on_action: Callable[[Action], None] = lambda action: None
        self._uids = count(1)
        self.seen.subscribe(self._enqueue)
        for mirror in (self.truth, self.seen):
            mirror.apply(Change("synced", 0))
        for obj in objects:
            self.put(obj if obj.metadata.uid else self.created(obj))

    # What people, nodes and the API do

    def created(self, obj: Obj) -> Obj:
        return lifecycle.for_create(obj, uid=f"uid-{next(self._uids)}", now=self.now)

    def put(self, obj: Object) -> None:
        """Store it over whatever is there."""
        revision = self.truth.revision + 1
        self._change(Change("put", revision, evolve(obj, **{"metadata.resource_version": str(revision)})))

    def remove(self, obj: Object) -> None:
        self._change(Change("delete", self.truth.revision + 1, obj))

    def update(self, obj: Object, **changes: Any) -> None:
        """As a person would: spec changes count generations."""
        stored = self.truth.get(type(obj), *obj.key)
        assert stored is not None
        wanted = lifecycle.for_update(stored, evolve(stored, **changes))
        if wanted is not stored:
            self.put(wanted)

    def delete(self, obj: Object, **options: Any) -> None:
        stored = self.truth.get(type(obj), *obj.key)
        assert stored is not None
        self._delete(stored, DeleteOptions(**options))

    def all(self, kind: type[Obj]) -> list[Obj]:
        return list(self.truth.list(kind))

    # What the engine does

    def catch_up(self, changes: int | None = None) -> None:
        """Let the mirror see so many more changes (None: all)."""
        taken, self.lag = self.lag[:changes], [] if changes is None else self.lag[changes:]
        for change in taken:
            self.seen.apply(change)

    def step(self, number: int = 0, *, crash_after: int | None = None) -> str:
        """Work on the n-th waiting key: "idle", "done", "conflict", "refused" or "crashed"."""
        if not self.waiting:
            return "idle"
        work = list(self.waiting)[number % len(self.waiting)]
        del self.waiting[work]
        while self.lag and self.seen.revision < self.own_writes.get(work, 0):
            self.catch_up(1)
        plan = self.plan(work)
        outcome = self.perform(plan, work, crash_after)
        if outcome == "done" and plan.requeue_after_s is not None:
            self.due[work] = self.now + timedelta(seconds=plan.requeue_after_s)
        elif outcome != "done":
            self.waiting[work] = None
        if outcome == "crashed":
            self.restart()
        return outcome

    def plan(self, work: Work) -> Plan:
        controller = self.controllers[work[0]]
        view = controller.observe(self.seen, work[1], self.now)
        return Plan() if view is None else controller.reconcile(view)

    def perform(self, plan: Plan, work: Work, crash_after: int | None = None) -> str:
        targets = [(action.object.KIND, action.object.key) for action in plan.actions if not isinstance(action, Emit)]
        assert len(set(targets)) == len(targets), f"two writes for one object in one plan: {targets}"
        writes = 0
        for action in plan.actions:
            if isinstance(action, Emit):
                self.events.append(action)
                continue
            if crash_after is not None and writes >= crash_after:
                return "crashed"
            outcome = self._act(action)
            if outcome != "done":
                self.catch_up()
                return outcome
            writes += 1
            self.own_writes[work] = self.truth.revision
            self.on_action(action)
        return "done"

    def restart(self) -> None:
        """A new leader: it has seen everything, remembers nothing, and looks at everything."""
        self.catch_up()
        self.waiting.clear()
        self.due.clear()
        self.own_writes.clear()
        for number, controller in enumerate(self.controllers):
            for watch in controller.watches:
                for obj in tuple(self.seen.list(watch.kind)):
                    self.waiting |= {(number, key): None for key in watch.keys(None, obj, self.seen)}

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for work, at in list(self.due.items()):
            if at <= self.now:
                del self.due[work]
                self.waiting[work] = None

    def settle(self, each: Callable[[], bool] = lambda: False, *, passes_max: int = 5_000) -> None:
        """Work, and let `each` work (true: it did something), until nobody has anything to do at this time."""
        for _ in range(passes_max):
            self.catch_up()
            self.advance(0)
            if self.step() == "idle" and not self.lag and not each():
                return
        raise AssertionError(f"not settled after {passes_max} passes: {list(self.waiting)}")

    def assert_fixpoint(self) -> None:
        """Whatever key is looked at again, nothing is planned."""
        self.restart()
        for work in list(self.waiting):
            actions = self.plan(work).actions
            assert not actions, f"{self.controllers[work[0]].name} {work[1]}: {actions}"

    # Writing

    def _act(self, action: Action) -> str:
        obj = action.object
        stored = self.truth.get(type(obj), *obj.key)
        if isinstance(action, Create):
            return self._create(obj, stored)
        if isinstance(action, Delete):
            if stored is None or stored.metadata.uid != obj.metadata.uid:
                return "done"
            if action.at_revision and stored.metadata.revision != obj.metadata.revision:
                return "conflict"
            if action.condition is not None and not stored.deleting and isinstance(stored, Pod):
                stored = as_target(stored, action.condition)
            self._delete(stored, DeleteOptions(action.propagation, 0 if action.force else action.grace_s))
            return "done"
        if stored is None or stored.metadata.revision != obj.metadata.revision:
            return "conflict"
        self._replace(action, stored)
        return "done"

    def _create(self, obj: Object, stored: Object | None) -> str:
        if stored is not None:
            ours, theirs = obj.metadata.controller, stored.metadata.controller
            return "done" if (ours and ours.uid) == (theirs and theirs.uid) else "refused"
        home = self.truth.get(Namespace, "", obj.metadata.namespace)
        if home is not None and home.deleting:
            return "refused"
        self.put(self.created(obj))
        return "done"

    def _replace(self, action: Action, stored: Object) -> None:
        obj = action.object
        if type(action).__name__ == "SetStatus":
            new = lifecycle.for_status(stored, obj)
        elif isinstance(stored, Namespace) and isinstance(obj, Namespace):
            new = lifecycle.for_finalize(stored, obj)
        else:
            new = lifecycle.for_update(stored, obj)
        if new is stored:
            return
        if lifecycle.may_be_removed(new):
            self.remove(new)
        else:
            self.put(new)

    def _delete(self, stored: Object, options: DeleteOptions) -> None:
        decided = lifecycle.for_delete(stored, options, self.now)
        if isinstance(decided, Removal):
            self.remove(decided.object)
        elif decided.object is not stored:
            self.put(decided.object)

    def _change(self, change: Change) -> None:
        self.truth.apply(change)
        self.lag.append(change)

    def _enqueue(self, event: MirrorEvent) -> None:
        for number, controller in enumerate(self.controllers):
            for watch in controller.watches:
                if event.kind.kind == watch.kind.KIND:
                    self.waiting |= {(number, key): None for key in watch.keys(event.old, event.new, self.seen)}
