"""A collection pass: all that the controllers would remove as garbage, now and in consequence of each other.

PURE. The collectors are the controllers themselves, so a pass never has another opinion than the loops. Each is asked
about every key; what it would delete as garbage is taken out of the picture, which names the keys that this concerns,
and so on until nobody finds anything any more. So a finished Job comes with its pods, and an owner with what it owned.

*Reads*: a snapshot. *Writes*: nothing; returns deletions. *Never*: takes up what a controller plans for another reason
(a rollout's surplus, an eviction): that is work, not garbage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from control_plane.controllers.cron_job import CronJobController
from control_plane.controllers.daemon_set import DaemonSetController
from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.event_gc import RETENTION, EventGarbageController
from control_plane.controllers.job_cleanup import FinishedJobsGarbage
from control_plane.controllers.owner_gc import OwnerGarbageController
from control_plane.controllers.pod_gc import FINISHED_MAX, FinishedPodsGarbage, NodePodsGarbage, UnboundPodsGarbage
from control_plane.controllers.stateful_set import StatefulSetController
from control_plane.plan import Controller, Delete, Key, Snapshot
from proto.objects.meta import LabelSelector, Object

Obj = TypeVar("Obj", bound=Object)

REASONS = {
    "owners_gone": "all of its owners are gone",
    "owner_waits": "its owner is being deleted and waits for it",
    "ttl_after_finished": "it finished longer ago than ttlSecondsAfterFinished",
    "history_limit": "there are newer finished Jobs than the CronJob's history limit keeps",
    "revision_history_limit": "there are newer revisions than revisionHistoryLimit keeps",
    "finished_over_threshold": "there are more finished pods than are kept, and it is among the oldest",
    "node_gone": "its node does not exist",
    "node_out_of_service": "it is being deleted and its node is out of service",
    "terminating_unbound": "it is being deleted and never had a node",
    "event_expired": "it was last seen longer ago than events are kept",
}
"""Why a controller deletes what is garbage, for people."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept though it is of no use any more."""

    finished_pods: int = FINISHED_MAX
    events: timedelta = RETENTION


def collectors(kept: Retention) -> tuple[Controller[Any], ...]:
    """The controllers that delete garbage."""
    return (
        OwnerGarbageController(),
        FinishedJobsGarbage(),
        CronJobController(),
        DeploymentController(),
        StatefulSetController(),
        DaemonSetController(),
        NodePodsGarbage(),
        UnboundPodsGarbage(),
        FinishedPodsGarbage(finished_max=kept.finished_pods),
        EventGarbageController(retention=kept.events),
    )


class CollectionPass:
    """One pass over a snapshot; `found` grows while `steps` is followed, owners before what they owned."""

    def __init__(self, snapshot: Snapshot, now: datetime, kept: Retention | None = None):
        self._rest = Without(snapshot)
        self._now = now
        self._collectors = collectors(kept or Retention())
        self._keys: dict[tuple[int, Key], None] = {}
        self.found: dict[str, Delete] = {}

    def steps(self) -> Iterator[None]:
        """Work in small pieces: the caller may let others have a turn between two of them."""
        for number, collector in enumerate(self._collectors):
            for watch in collector.watches:
                for obj in self._rest.list(watch.kind):
                    self._add(number, watch.keys(None, obj, self._rest))
                    yield
        while self._keys:
            number, key = next(iter(self._keys))
            del self._keys[number, key]
            self._look(number, key)
            yield

    def _look(self, number: int, key: Key) -> None:
        collector = self._collectors[number]
        view = collector.observe(self._rest, key, self._now)
        if view is None:
            return
        plan, many = collector.reconcile(view), len(self.found)
        for action in plan.actions:
            if isinstance(action, Delete) and action.reason in REASONS:
                self._find(action)
        if plan.requeue_after_s == 0.0 and len(self.found) > many:
            self._add(number, [key])

    def _find(self, delete: Delete) -> None:
        obj = delete.object
        if obj.metadata.uid in self.found:
            return
        self.found[obj.metadata.uid] = delete
        self._rest.remove(obj, stays_owner=not _is_lost_to_dependents(delete))
        for number, collector in enumerate(self._collectors):
            for watch in collector.watches:
                if watch.kind.KIND == obj.KIND:
                    self._add(number, watch.keys(obj, None, self._rest))

    def _add(self, number: int, keys: Iterable[Key]) -> None:
        self._keys |= {(number, key): None for key in keys}


def _is_lost_to_dependents(delete: Delete) -> bool:
    """Whether its dependents lose it by this deletion: not if it frees them, nor while finalizers of others hold it."""
    if delete.propagation == "Orphan":
        return False
    return delete.propagation == "Foreground" or not delete.object.metadata.finalizers


class Without:
    """A snapshot from which some objects are thought away."""

    def __init__(self, snapshot: Snapshot):
        self._snapshot = snapshot
        self._removed: set[str] = set()
        self._owners: set[str] = set()

    def remove(self, obj: Object, *, stays_owner: bool = False) -> None:
        """Think it away; one that stays an owner is still found by its uid, as owners are."""
        self._removed.add(obj.metadata.uid)
        if stays_owner:
            self._owners.add(obj.metadata.uid)

    @property
    def revision(self) -> int:
        """See `Snapshot`."""
        return self._snapshot.revision

    def get(self, kind: type[Obj], namespace: str, name: str) -> Obj | None:
        """See `Snapshot`."""
        found = self._snapshot.get(kind, namespace, name)
        return None if found is None or found.metadata.uid in self._removed else found

    def list(self, kind: type[Obj], namespace: str | None = None) -> Iterable[Obj]:
        """See `Snapshot`."""
        return self._left(self._snapshot.list(kind, namespace))

    def by_owner(self, kind: type[Obj], owner_uid: str) -> Iterable[Obj]:
        """See `Snapshot`."""
        return self._left(self._snapshot.by_owner(kind, owner_uid))

    def by_node(self, node: str) -> Iterable[Object]:
        """See `Snapshot`."""
        return self._left(self._snapshot.by_node(node))

    def by_selector(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """See `Snapshot`."""
        return self._left(self._snapshot.by_selector(kind, namespace, selector))

    def orphans(self, kind: type[Obj], namespace: str, selector: LabelSelector) -> Iterable[Obj]:
        """See `Snapshot`."""
        return self._left(self._snapshot.orphans(kind, namespace, selector))

    def selecting(self, kind: type[Obj], namespace: str, labels: Mapping[str, str]) -> Iterable[Obj]:
        """See `Snapshot`."""
        return self._left(self._snapshot.selecting(kind, namespace, labels))

    def by_uid(self, uid: str) -> Object | None:
        """See `Snapshot`."""
        return None if uid in self._removed and uid not in self._owners else self._snapshot.by_uid(uid)

    def was_removed(self, uid: str) -> bool:
        """See `Snapshot`."""
        return uid in self._removed or self._snapshot.was_removed(uid)

    def _left(self, objects: Iterable[Obj]) -> Iterable[Obj]:
        # Whole at once: the mirror below may change while the caller takes its time.
        return [obj for obj in objects if obj.metadata.uid not in self._removed]
