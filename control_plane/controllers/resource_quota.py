"""ResourceQuota: keeps count of what the objects of a namespace use.

Reads: a quota and the objects of its namespace. Writes: the quota's status. Never: grants or refuses anything (that is
`control_plane.admission`); forgets a reservation before its object is seen or too late to come.

Counting walks the namespace, so a quota is counted at most once in `PAUSE`, however much happens: creations are
counted when they are granted, and whoever would be refused counts anew first. So what is late here is only what people
see.

Source: Kubernetes `pkg/controller/resourcequota`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.admission.quota_ledger import recounted
from control_plane.admission.quota_usage import NOT_COUNTED, uses_as_before
from control_plane.plan import Key, Plan, SetStatus, Snapshot, Watch, own_key
from proto import catalog
from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.objects.quota import ResourceQuota

PAUSE = timedelta(seconds=1)
"""How long a count stands at least."""


@dataclass(frozen=True, slots=True)
class ResourceQuotaView:
    """A quota as it is and as it should be; `wait_s`: it was counted a moment ago and is not counted now."""

    quota: ResourceQuota
    counted: ResourceQuota
    wait_s: float = 0.0


def _quota_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The quotas of a namespace in which something was added, has ended, or is gone."""
    changed = new or old
    if changed is None or (isinstance(old, Pod) and isinstance(new, Pod) and uses_as_before(old, new)):
        return ()
    if old is not None and new is not None and not isinstance(new, Pod):
        return ()
    return [Key(*quota.key) for quota in snapshot.list(ResourceQuota, changed.metadata.namespace)]


def _counted_kinds() -> list[catalog.Kind]:
    return [kind for kind in catalog.KINDS if kind.namespaced and kind.kind not in NOT_COUNTED]


class ResourceQuotaController:
    """Keeps the status of every quota."""

    name = "resourcequota"
    watches: tuple[Watch, ...] = (
        Watch(ResourceQuota, own_key),
        *(Watch(kind.model, _quota_keys) for kind in _counted_kinds()),
    )

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> ResourceQuotaView | None:
        """One quota, counted anew if it is time; None if it is gone."""
        quota = snapshot.get(ResourceQuota, *key)
        if quota is None:
            return None
        counted_at = quota.status.counted_at
        fresh = counted_at is not None and timedelta() <= now - counted_at < PAUSE
        if counted_at is not None and fresh and quota.status.hard == quota.spec.hard:
            return ResourceQuotaView(quota, quota, (counted_at + PAUSE - now).total_seconds())
        return ResourceQuotaView(quota, recounted(quota, snapshot, now))

    def reconcile(self, view: ResourceQuotaView) -> Plan:
        """Write what is new; look again soon while a count stands or reservations wait for their objects."""
        again_s = view.wait_s or (PAUSE.total_seconds() if view.counted.status.reserved else None)
        if view.counted is view.quota:
            return Plan(requeue_after_s=again_s)
        return Plan((SetStatus(view.counted, "usage_counted"),), again_s)
