"""Old Events are removed: an hour after they were last seen (Kubernetes: `--event-ttl`).

*Reads*: Events from the mirror. *Writes*: deletions of Events. *Never*: hurries; there is always another round.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from control_plane.plan import Snapshot
from control_plane.store.port import RevisionMismatch, Store, StoreError
from proto.clock import Clock, Instant
from proto.objects.core import Event

log = logging.getLogger(__name__)

RETENTION = timedelta(hours=1)
ROUND_S = 60.0
REMOVED_A_ROUND_MAX = 1_000


async def expire_events(store: Store, mirror: Snapshot, clock: Clock) -> None:
    """Remove old Events, for ever."""
    while True:
        await clock.sleep(ROUND_S)
        now = clock.now()
        old = [event for event in mirror.list(Event) if is_old(event, now)]
        for event in old[:REMOVED_A_ROUND_MAX]:
            try:
                await store.delete(event, event.metadata.revision)
            except RevisionMismatch:
                continue
            except StoreError as error:
                log.info("old events not removed left=%d error=%s", len(old), error)
                break


def is_old(event: Event, now: Instant) -> bool:
    """Whether it was last seen longer ago than Events are kept."""
    seen = event.last_timestamp or event.metadata.creation_timestamp
    return seen is not None and now - seen > RETENTION
