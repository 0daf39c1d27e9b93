"""What became known of a pod: kept on disk, and reported to the hub where it is news.

Reads: the pod's work and its new status. Writes: pod records, status reports with their events. Never: plans.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from node_agent.plan.events import events_between
from node_agent.pods.reporting import Reporting
from node_agent.pods.work import PodWork
from node_agent.storage.port import Storage, StorageFailure
from proto.objects.core import ResourceList
from proto.objects.lean import lean
from proto.objects.pod_status import PodStatus

log = logging.getLogger(__name__)


class Publisher:
    """Publishes statuses of pods. `changed` is called when a pod's phase is another, or what is kept free for it."""

    def __init__(self, storage: Storage, reporting: Reporting, changed: Callable[[], None]) -> None:
        self._storage = storage
        self._reporting = reporting
        self._changed = changed

    def publish(self, work: PodWork, status: PodStatus, *, patient: bool) -> None:
        """Keep and report what changed; `patient`: not yet that a new pod does not run, since in a moment it may."""
        old, changed = work.reported, status != work.reported
        if changed or work.unsaved:
            # A record that is written while the directory is being removed would be left over, so it waits.
            work.reported, work.unsaved = lean(status), work.clearing
            if status.phase != old.phase or _kept(status) != _kept(old):
                self._changed()
            if not work.clearing:
                self._save(work)
        if (changed or work.unreported) and work.assigned and not patient:
            work.unreported = False
            self._reporting.report(work.report(), events_between(work.pod, old, status))

    def _save(self, work: PodWork) -> None:
        try:
            self._storage.save_pod(work.record())
        except StorageFailure as problem:
            log.warning("record_not_saved pod=%s/%s problem=%s", *work.pod.key, problem)


def _kept(status: PodStatus) -> list[ResourceList]:
    return [each.allocated_resources for each in (*status.init_container_statuses, *status.container_statuses)]
