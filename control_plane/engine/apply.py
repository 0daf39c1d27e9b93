"""Applying a plan: each action a compare-and-swap, each safe to repeat.

Nothing is decided here. What a write means is in `store.lifecycle`; what is to be written, and why, came with the plan;
what the cluster asks of every new object is in `admission`.
Actions of one sort that follow each other go out together (creations, deletions), all others one after the other;
the first group with a failure ends the plan, because what follows was planned on its success.

What became of a plan is one of four: *done*; *conflict* (somebody was faster: look again once the mirror has caught
up); *unavailable* (the store cannot write now: back off); *refused* (it will not work like this: tell people).

*Reads*: the mirror. *Writes*: objects through the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple

from control_plane.admission.policies import Policies
from control_plane.amend import LiveSnapshot
from control_plane.budgets import as_target
from control_plane.plan import Action, Create, Delete, Emit, Plan, SetStatus, Update
from control_plane.store import lifecycle
from control_plane.store.lifecycle import DeleteOptions, Removal
from control_plane.store.port import ObjectTooLarge, OutcomeUnknown, RevisionMismatch, Store, StoreUnavailable
from proto.clock import Clock
from proto.errors import ApiError
from proto.ids import Ids
from proto.objects.core import Namespace
from proto.objects.meta import Object
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

Record = Callable[[Emit], None]
Identity = tuple[str, str, str]


class Verdict(IntEnum):
    """What became of an action; of several the highest counts."""

    DONE = 0
    CONFLICT = 1
    UNAVAILABLE = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a plan. `revision`: the last one it wrote, 0 for none."""

    verdict: Verdict = Verdict.DONE
    revision: int = 0
    problem: str = ""
    action: Action | None = None


class _Written(NamedTuple):
    """An object that this plan has written already: the revision it was seen at, and what is stored now."""

    seen_revision: int
    stored: Object
    revision: int


DONE = Outcome()


class Applier:
    """Performs plans, with at most `writes_max` writes on their way at a time over all plans."""

    def __init__(
        self, store: Store, mirror: LiveSnapshot, clock: Clock, ids: Ids, record: Record, *, writes_max: int = 256
    ):
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._record = record
        self._policies = Policies(store, mirror, clock)
        self._room = asyncio.Semaphore(writes_max)

    async def perform(self, plan: Plan, pass_id: str = "") -> Outcome:
        """Do what the plan says, in its order; stops behind the first group in which something failed."""
        written: dict[Identity, _Written] = {}
        revision = 0
        for sort, group in groupby(plan.actions, key=type):
            actions = tuple(group)
            if sort is Create or sort is Delete:
                outcomes = await asyncio.gather(*(self._act(action, written, pass_id) for action in actions))
            else:
                outcomes = [await self._act(action, written, pass_id) for action in actions]
            revision = max(revision, *(outcome.revision for outcome in outcomes))
            worst = max(outcomes, key=lambda outcome: outcome.verdict)
            if worst.verdict is not Verdict.DONE:
                return Outcome(worst.verdict, revision, worst.problem, worst.action)
        return Outcome(revision=revision)

    async def _act(self, action: Action, written: dict[Identity, _Written], pass_id: str) -> Outcome:
        """One action, and what became of it; foreseeable failures become verdicts here and nowhere else."""
        if isinstance(action, Emit):
            self._record(action)
            return DONE
        try:
            async with self._room:
                outcome = await self._write(action, written)
        except RevisionMismatch as error:
            outcome = Outcome(Verdict.CONFLICT, problem=str(error), action=action)
        except (StoreUnavailable, OutcomeUnknown) as error:
            outcome = Outcome(Verdict.UNAVAILABLE, problem=str(error), action=action)
        except (ObjectTooLarge, ApiError) as error:
            outcome = Outcome(Verdict.REFUSED, problem=str(error), action=action)
        _log_action(action, outcome, pass_id)
        return outcome

    def _write(self, action: Action, written: dict[Identity, _Written]) -> Awaitable[Outcome]:
        match action:
            case Create():
                return self._create(action)
            case Update():
                return self._replace(action, written, _updated)
            case SetStatus():
                return self._replace(action, written, lifecycle.for_status)
            case Delete():
                return self._delete(action, written)
            case Emit():
                raise AssertionError("events are recorded, not written")

    async def _create(self, action: Create) -> Outcome:
        if problem := self._namespace_problem(action.object):
            return Outcome(Verdict.REFUSED, problem=problem, action=action)
        if self._mirror.get(type(action.object), *action.object.key) is not None:
            return await self._already_there(action)
        obj = self._policies.completed(action.object)
        self._policies.check(obj)
        obj = lifecycle.for_create(obj, uid=self._ids.uid(), now=self._clock.now())
        try:
            async with self._policies.charged(obj):
                return Outcome(revision=await self._store.put(obj, 0))
        except RevisionMismatch:
            return await self._already_there(action)

    async def _already_there(self, action: Create) -> Outcome:
        """A repeated creation is done if the one that is there has the same controlling owner."""
        kind, key = type(action.object), action.object.key
        there = self._mirror.get(kind, *key)
        if there is None:
            await self._mirror.wait_for(self._mirror.revision + 1, 1.0)
            there = self._mirror.get(kind, *key)
        if there is None:
            return Outcome(Verdict.CONFLICT, problem="it is there, but not in the mirror yet", action=action)
        ours, theirs = action.object.metadata.controller, there.metadata.controller
        if (ours and ours.uid) == (theirs and theirs.uid):
            return Outcome(revision=there.metadata.revision)
        problem = f"{kind.KIND} {key[1]} already exists and belongs to {theirs.name if theirs else 'nobody'}"
        return Outcome(Verdict.REFUSED, problem=problem, action=action)

    async def _replace(
        self,
        action: Update | SetStatus,
        written: dict[Identity, _Written],
        rule: Callable[[Object, Object], Object],
    ) -> Outcome:
        """Write the object over the revision that the controller saw (or that this plan itself made of it)."""
        found = self._as_seen(action.object, written)
        if found is None:
            return Outcome(Verdict.CONFLICT, problem="it is not what it was", action=action)
        old, revision = found
        new = rule(old, action.object)
        if new is old:
            return DONE
        if lifecycle.may_be_removed(new):
            return Outcome(revision=await self._store.delete(new, revision))
        revision = await self._store.put(new, revision)
        written[_identity(new)] = _Written(action.object.metadata.revision, new, revision)
        return Outcome(revision=revision)

    async def _delete(self, action: Delete, written: dict[Identity, _Written]) -> Outcome:
        """Ask for the deletion of the very object that was seen; one that is gone, or another by now, is done."""
        old = self._mirror.get(type(action.object), *action.object.key)
        if old is None or old.metadata.uid != action.object.metadata.uid:
            return DONE
        found = self._as_seen(action.object, written)
        if found is None and action.at_revision:
            return Outcome(Verdict.CONFLICT, problem="it is not what it was", action=action)
        old, revision = found or (old, old.metadata.revision)
        options = DeleteOptions(propagation=action.propagation, grace_s=0 if action.force else action.grace_s)
        decided = lifecycle.for_delete(_as_told(old, action), options, self._clock.now())
        if isinstance(decided, Removal):
            return Outcome(revision=await self._store.delete(decided.object, revision))
        if decided.object is old:
            return DONE
        return Outcome(revision=await self._store.put(decided.object, revision))

    def _as_seen(self, seen: Object, written: dict[Identity, _Written]) -> tuple[Object, int] | None:
        """What is stored at the revision that the controller saw, and that revision; None if it moved on."""
        own = written.get(_identity(seen))
        if own is not None and own.seen_revision == seen.metadata.revision:
            return own.stored, own.revision
        stored = self._mirror.get(type(seen), *seen.key)
        if stored is None or stored.metadata.revision != seen.metadata.revision:
            return None
        return stored, stored.metadata.revision

    def _namespace_problem(self, obj: Object) -> str:
        """Why nothing can be created in the object's namespace (Kubernetes: NamespaceLifecycle admission)."""
        name = obj.metadata.namespace
        if not name:
            return ""
        namespace = self._mirror.get(Namespace, "", name)
        if namespace is None:
            return f"namespace {name} does not exist"
        return f"namespace {name} is being terminated" if namespace.deleting else ""


def _as_told(old: Object, action: Delete) -> Object:
    """The object to delete, with the condition that says why it ends."""
    if action.condition is None or old.deleting or not isinstance(old, Pod):
        return old
    return as_target(old, action.condition)


def _updated(old: Object, new: Object) -> Object:
    """A namespace's finalizers have a rule of their own; all else is an ordinary update."""
    if isinstance(old, Namespace) and isinstance(new, Namespace) and old.spec.finalizers != new.spec.finalizers:
        return lifecycle.for_finalize(old, new)
    return lifecycle.for_update(old, new)


def _identity(obj: Object) -> Identity:
    return obj.KIND, obj.metadata.namespace, obj.metadata.name


def _log_action(action: Action, outcome: Outcome, pass_id: str) -> None:
    level = logging.DEBUG if outcome.verdict is not Verdict.REFUSED else logging.WARNING
    if log.isEnabledFor(level):
        obj = action.object
        log.log(
            level, "pass=%s %s %s %s/%s reason=%s verdict=%s%s", pass_id, type(action).__name__, obj.KIND,
            *obj.key, action.reason, outcome.verdict.name, f" problem={outcome.problem!r}" if outcome.problem else "",
        )  # fmt: skip


def describe(actions: Iterable[Action]) -> str:
    """The actions of a plan in a few words, for a log line: `Create Pod×3 replica_missing, SetStatus ReplicaSet …`."""
    counts: dict[str, int] = {}
    for action in actions:
        words = f"{type(action).__name__} {action.object.KIND} {action.reason}"
        counts[words] = counts.get(words, 0) + 1
    return ", ".join(f"{words}×{count}" if count > 1 else words for words, count in counts.items())
