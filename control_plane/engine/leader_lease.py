"""Shows people who leads: the Lease `kube-system/setpoint-control-plane`.

The election does not stand on this object (see `election`): it is written after the fact and at a slow pace. But it is
the first write of a term: once the mirror shows it, the mirror shows everything that was written before the term, and
who leads then decides on nothing older.

*Reads*: the Lease from the mirror. *Writes*: it.
"""

from __future__ import annotations

import logging
from functools import partial

from control_plane.amend import Amender, LiveSnapshot
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
RETRY_S = 0.1
CATCH_UP_S = 5.0


class LeaderLease:
    """The Lease of one term: `holder` leads, in `epoch`."""

    def __init__(self, amender: Amender, mirror: LiveSnapshot, clock: Clock, ids: Ids, holder: str, epoch: int):
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._holder = holder
        self._epoch = epoch

    async def claim(self) -> None:
        """Write the first word of the term, and wait until the mirror shows it, and so all that was before it."""
        while True:
            revision = await self._show()
            if revision is None:
                await self._clock.sleep(RETRY_S)
            elif await self._mirror.wait_for(revision, CATCH_UP_S):
                return

    async def keep(self) -> None:
        """Renew it for ever."""
        while True:
            await self._clock.sleep(RENEW_S)
            await self._show()

    async def _show(self) -> int | None:
        """Write the Lease; its revision, or None if that was not possible now."""
        held = partial(_held_by, self._holder, self._epoch, self._clock.now())
        try:
            lease = await self._amender.amend(Lease, NAMESPACE, NAME, held)
            if lease is not None:
                return lease.metadata.revision
            new = held(Lease(metadata=ObjectMeta(namespace=NAMESPACE, name=NAME)))
            return await self._amender.create(lifecycle.for_create(new, uid=self._ids.uid(), now=self._clock.now()))
        except StoreError as error:
            log.info("leader not shown error=%s", error)
            return None


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
