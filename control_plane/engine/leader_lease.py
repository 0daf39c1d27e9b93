"""Shows people who leads: the Lease `kube-system/setpoint-control-plane`.

The election does not stand on this object (see `election`): it is written after the fact and at a slow pace.

*Reads*: the Lease from the mirror. *Writes*: it.
"""

from __future__ import annotations

import logging
from functools import partial

from control_plane.amend import Amender
from control_plane.store import lifecycle
from control_plane.store.port import StoreError
from proto.clock import Clock, Instant
from proto.ids import Ids
from proto.objects.coordination import Lease, LeaseSpec
from proto.objects.meta import ObjectMeta, evolve

log = logging.getLogger(__name__)

NAMESPACE = "kube-system"
NAME = "setpoint-control-plane"
RENEW_S = 10.0
RETRY_S = 0.5


async def show_leader(amender: Amender, clock: Clock, ids: Ids, holder: str, epoch: int) -> None:
    """Keep the Lease saying that `holder` leads, for ever."""
    while True:
        now = clock.now()
        try:
            if await amender.amend(Lease, NAMESPACE, NAME, partial(_held_by, holder, epoch, now)) is None:
                lease = _held_by(holder, epoch, now, Lease(metadata=ObjectMeta(namespace=NAMESPACE, name=NAME)))
                await amender.create(lifecycle.for_create(lease, uid=ids.uid(), now=now))
        except StoreError as error:
            log.info("leader not shown error=%s", error)
            await clock.sleep(RETRY_S)
        else:
            await clock.sleep(RENEW_S)


def _held_by(holder: str, epoch: int, now: Instant, lease: Lease) -> Lease:
    """The Lease renewed; with another holder it changes hands. Its transitions are the epoch."""
    same = lease.spec.holder_identity == holder
    spec = LeaseSpec(
        holder_identity=holder,
        lease_duration_seconds=round(RENEW_S * 2),
        acquire_time=lease.spec.acquire_time if same else now,
        renew_time=now,
        lease_transitions=epoch,
    )
    return evolve(lease, spec=spec)
