"""The vocabulary between deciding and doing: what a controller sees, and the plan it returns.

A controller is a pure function in two steps: `observe` reads what it needs from a snapshot into a small view, and
`reconcile` turns the view into a plan. The engine applies the plan: every write is a compare-and-swap against the
object that the controller saw, and safe to repeat. Every action says why.

Never here: I/O, clocks, logging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from proto.clock import Instant
from proto.objects.meta import Condition, LabelSelector, Object

Obj = TypeVar("Obj", bound=Object)
View = TypeVar("View")


class Key(NamedTuple):
    """Names the object that a controller reconciles; namespace is "" for cluster-scoped kinds."""

    namespace: str
    name: str


class Snapshot(Protocol):
    """What is, at one revision. Reading costs O(result): every question below is answered by an index."""

    @property
    def revision(self) -> int:
        """The revision of the last change that is in it."""
        ...

    def get(self, kind: type[Obj], namespace: str, name: str) -> Obj | None:
        """One object, or None."""
        ...

    def list(self, kind: type[Obj], namespace: str | None = None) -> Iterable[Obj]:
        """All of a kind, in one namespace or (None) in all. Not for hot paths."""
        ...

    def by_owner(self, kind: type[Obj], owner_uid: str) -> Iterable[Obj]:
        """Those with an owner reference (controlling or not) to that uid."""
        ...

    def by_node(self, node: str) -> Iterable[Object]:
        """The pods that are bound to a node."""
        ...

    def by_selector(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """Those that a label selector chooses; an empty selector chooses all in the namespace."""
        ...

    def orphans(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """Those that a label selector chooses and no owner controls: what may be adopted."""
        ...

    def selecting(self, kind: type[Obj], namespace: str, labels: Mapping[str, str]) -> Iterable[Obj]:
        """Those whose own selector (`spec.selector`) chooses an object with these labels."""
        ...

    def by_uid(self, uid: str) -> Object | None:
        """The object of that uid, of whatever kind."""
        ...

    def was_removed(self, uid: str) -> bool:
        """Whether an object of that uid was there and was removed, as far back as that is remembered."""
        ...


@dataclass(frozen=True, slots=True)
class Create:
    """Make `object`; there already with the same controlling owner: done."""

    object: Object
    reason: str


@dataclass(frozen=True, slots=True)
class Update:
    """Write `object` (metadata and spec) in place of the revision in its own resourceVersion."""

    object: Object
    reason: str


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Write the status of `object` in place of the revision in its own resourceVersion."""

    object: Object
    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Ask for the deletion of `object` (as seen: uid and, if `at_revision`, revision are preconditions).

    `force`: remove the object now, without waiting for a node to stop anything (pods only).
    `grace_s`: overrides the object's own grace period. `condition`: written with the same write, unless the deletion
    was asked for before: why the pod ends (pods only).
    """

    object: Object
    reason: str
    propagation: Literal["Background", "Foreground", "Orphan"] = "Background"
    grace_s: int | None = None
    force: bool = False
    at_revision: bool = False
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell people: an Event about `object`. `node`: whose agent says so; "" where the control plane does."""

    object: Object
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"
    node: str = ""


Action = Create | Update | SetStatus | Delete | Emit


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in order, and when to look again even if nothing changes."""

    actions: tuple[Action, ...] = ()
    requeue_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Which kind concerns a controller, and how one of its changes becomes keys.

    `keys(old, new, snapshot)`: `old` is None for an addition, `new` None for a removal. Must cost O(result).
    """

    kind: type[Object]
    keys: Callable[[Object | None, Object | None, Snapshot], Iterable[Key]]


class Controller(Protocol[View]):
    """A control loop's mind."""

    name: str
    watches: tuple[Watch, ...]

    def observe(self, snapshot: Snapshot, key: Key, now: Instant) -> View | None:
        """What `reconcile` needs to know, or None if there is nothing to do for that key any more."""
        ...

    def reconcile(self, view: View) -> Plan:
        """The plan that brings what is closer to what should be; the empty plan when it is there."""
        ...


@runtime_checkable
class HearsRefusals(Protocol):
    """A controller that tells its object when one of its actions cannot be done; most need not."""

    def refused(self, view: Any, action: Action, problem: str) -> Plan:
        """What to write when `action`, planned from `view`, was refused for good: a condition, as a rule."""
        ...


def own_key(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The changed object's own key: for the kind that a controller reconciles."""
    changed = new or old
    return () if changed is None else (Key(*changed.key),)


def controller_key(kind: type[Object]) -> Callable[[Object | None, Object | None, Snapshot], Iterable[Key]]:
    """The key of the changed object's controlling owner, if that is of `kind`: for children."""

    def keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
        found = set()
        for changed in (old, new):
            owner = changed.metadata.controller if changed is not None else None
            if changed is not None and owner is not None and owner.kind == kind.KIND:
                found.add(Key(changed.metadata.namespace, owner.name))
        return found

    return keys
