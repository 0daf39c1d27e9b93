"""Charging a quota for a new object, and counting anew what is used. PURE.

A quota is charged *before* the object is stored, so what is used is never more than what was granted. Until the object
is seen, what it was granted stands in the status as a *reservation*. That makes counting right however old the
knowledge is that it stands on: all writes have one order, so whoever holds a state of the quota also holds every
object whose reservation is gone from it; an object is counted, or reserved for, never neither.

A reservation whose object never came (its creation failed, and nobody could take it back) ends by age.

*Reads*: the objects of a namespace. *Writes*: nothing; new states of a quota are returned.
Source: Kubernetes `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota`; reservations are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from control_plane.admission.amounts import Amounts, all_written, amounts, told
from control_plane.admission.quota_usage import concerns, counted_kinds, unsaid, usage
from control_plane.admission.refusing import forbidden
from control_plane.plan import Snapshot
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.objects.quota import QuotaReservation, ResourceQuota, ResourceQuotaStatus

EXPECTED_WITHIN = timedelta(minutes=2)
"""An object whose use was granted is seen within this time, or was never stored."""

RESERVED_MAX = 2_000
"""So many reservations may wait for their objects to be seen."""


def charged(quota: ResourceQuota, obj: Object, snapshot: Snapshot, now: datetime) -> ResourceQuota:
    """The quota with the use of a new object granted; the quota itself if it does not count the object.

    Raises:
        Forbidden: that is more than is left, or a container does not say what it will use.
    """
    if obj.metadata.uid in quota.status.reserved or not concerns(quota, obj):
        return quota
    hard = quota.spec.hard
    if isinstance(obj, Pod) and (words := unsaid(obj, hard)):
        raise forbidden(obj, f"failed quota: {quota.metadata.name}: must specify {words}")
    wanted = {name: count for name, count in usage(obj, hard, now).items() if count}
    if not wanted:
        return quota
    if not _is_counted(quota) or _exceeded(quota, wanted):
        quota = recounted(quota, snapshot, now)
    if exceeded := _exceeded(quota, wanted):
        raise forbidden(obj, _refusal(quota, wanted, exceeded))
    used = amounts(quota.status.used)
    reservation = QuotaReservation(at=now, used=all_written(wanted))
    changes: dict[str, object] = {
        "status.used": all_written({name: used.get(name, 0) + wanted.get(name, 0) for name in hard}),
        "status.reserved": {**quota.status.reserved, obj.metadata.uid: reservation},
    }
    return evolve(quota, **changes)


def check_growth(quota: ResourceQuota, old: Object, new: Object, snapshot: Snapshot, now: datetime) -> None:
    """Hold an object that is to use more than before to what is left.

    Raises:
        Forbidden
    """
    if not concerns(quota, new):
        return
    before, after = usage(old, quota.spec.hard, now), usage(new, quota.spec.hard, now)
    wanted = {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}
    counted = recounted(quota, snapshot, now) if wanted else quota
    if exceeded := _exceeded(counted, wanted):
        raise forbidden(new, _refusal(counted, wanted, exceeded))


def released(quota: ResourceQuota, obj: Object) -> ResourceQuota:
    """The quota without the reservation for an object that was not stored after all."""
    reservation = quota.status.reserved.get(obj.metadata.uid)
    if reservation is None:
        return quota
    used, back = amounts(quota.status.used), amounts(reservation.used)
    changes: dict[str, object] = {
        "status.used": all_written({name: max(0, count - back.get(name, 0)) for name, count in used.items()}),
        "status.reserved": {uid: each for uid, each in quota.status.reserved.items() if uid != obj.metadata.uid},
    }
    return evolve(quota, **changes)


def recounted(quota: ResourceQuota, snapshot: Snapshot, now: datetime) -> ResourceQuota:
    """The quota with its use counted from all objects of the namespace, and from the reservations for those to come."""
    hard, namespace = quota.spec.hard, quota.metadata.namespace
    total = dict.fromkeys(hard, 0)
    for kind in counted_kinds(quota):
        for obj in snapshot.list(kind.model, namespace):
            if concerns(quota, obj):
                _add(total, usage(obj, hard, now))
    waiting = _still_to_come(quota.status.reserved, snapshot, now)
    for reservation in waiting.values():
        _add(total, amounts(reservation.used))
    status = ResourceQuotaStatus(
        hard=hard, used=all_written(total), reserved=waiting, counted_at=quota.status.counted_at
    )
    if status == quota.status:
        return quota
    return evolve(quota, status=evolve(status, counted_at=now))


def _is_counted(quota: ResourceQuota) -> bool:
    """Whether the status is about all that the quota limits now."""
    return quota.status.hard == quota.spec.hard and quota.status.used.keys() >= quota.spec.hard.keys()


def _exceeded(quota: ResourceQuota, wanted: Amounts) -> list[str]:
    """The resources of which less is left than wanted."""
    hard, used = amounts(quota.spec.hard), amounts(quota.status.used)
    return sorted(name for name, count in wanted.items() if used.get(name, 0) + count > hard[name])


def _refusal(quota: ResourceQuota, wanted: Amounts, exceeded: list[str]) -> str:
    hard, used = amounts(quota.spec.hard), amounts(quota.status.used)
    parts = (
        ("requested", {name: wanted[name] for name in exceeded}),
        ("used", {name: used.get(name, 0) for name in exceeded}),
        ("limited", {name: hard[name] for name in exceeded}),
    )
    words = ", ".join(f"{word}: {told(counts)}" for word, counts in parts)
    return f"exceeded quota: {quota.metadata.name}, {words}"


def _still_to_come(
    reserved: Mapping[str, QuotaReservation], snapshot: Snapshot, now: datetime
) -> dict[str, QuotaReservation]:
    """The reservations whose objects are not seen yet, and may still be."""
    return {
        uid: reservation
        for uid, reservation in reserved.items()
        if snapshot.by_uid(uid) is None and not snapshot.was_removed(uid) and reservation.at + EXPECTED_WITHIN > now
    }


def _add(total: dict[str, int], more: Amounts) -> None:
    for name, count in more.items():
        if name in total:
            total[name] += count
