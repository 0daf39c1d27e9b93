"""Event garbage collection: Events are kept for an hour after they were last seen.

A key is a namespace; each pass removes a batch of its old Events and asks for the next pass.

Reads: Events of one namespace, O(its Events) every `SWEEP_S`. Writes: deletes Events.

Source: Kubernetes kube-apiserver `--event-ttl`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from control_plane.plan import Delete, Key, Plan, Snapshot, Watch, own_key
from proto.objects.core import Event, Namespace

RETENTION = timedelta(hours=1)
SWEEP_S = 60.0
BURST = 500


@dataclass(frozen=True, slots=True)
class OldEventsView:
    """Events that are over, at most a batch; `more`: there may be others."""

    events: tuple[Event, ...]
    more: bool


class EventGarbageController:
    """Deletes old Events."""

    name = "event-gc"
    watches: tuple[Watch, ...] = (Watch(Namespace, own_key),)

    def __init__(self, *, retention: timedelta = RETENTION):
        self._retention = retention

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> OldEventsView | None:
        """The old Events of a namespace; None if the namespace is gone."""
        if snapshot.get(Namespace, *key) is None:
            return None
        found = tuple(islice(self._old(snapshot, key.name, now - self._retention), BURST))
        return OldEventsView(found, len(found) == BURST)

    def reconcile(self, view: OldEventsView) -> Plan:
        """Delete them; look again after a while, or at once if the batch was full."""
        return Plan(tuple(Delete(event, "event_expired") for event in view.events), 0.0 if view.more else SWEEP_S)

    def _old(self, snapshot: Snapshot, namespace: str, horizon: datetime) -> Iterator[Event]:
        for event in snapshot.list(Event, namespace):
            seen = _last_seen(event)
            if seen is not None and seen < horizon and not event.deleting:
                yield event


def _last_seen(event: Event) -> datetime | None:
    return event.last_timestamp or event.event_time or event.metadata.creation_timestamp
