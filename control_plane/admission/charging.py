"""Charging the quotas of a namespace before an object is stored in it.

The quota's new state is written by compare-and-swap, with the reservation for this object in it; the object is stored
after that. So of two creations that want the last of something one is refused, at whatever replicas and however old
their mirrors are. A refusal is told only after the store has confirmed the state that it stands on. When the object is
not stored after all, the reservation is taken back.

Creations in one namespace that come together are charged together, with one write a quota.

*Reads*: the mirror. *Writes*: the status of ResourceQuotas. The rules are in `quota_ledger`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control_plane.admission.quota_ledger import RESERVED_MAX, charged, check_growth, released
from control_plane.amend import Amender, LiveSnapshot
from control_plane.store.lifecycle import to_milliseconds
from control_plane.store.port import OutcomeUnknown, RevisionMismatch, Store, StoreError, StoreUnavailable
from proto.clock import Clock
from proto.errors import Forbidden, Timeout
from proto.objects.meta import Object
from proto.objects.quota import ResourceQuota

log = logging.getLogger(__name__)

ATTEMPTS_MAX = 20
NEWS_S = 0.25
TOGETHER_MAX = 256
"""So many creations are charged with one write: what a quota grants at one time stays small."""


@dataclass(eq=False, slots=True)
class _Wish:
    """One object to be charged for, and what became of that."""

    object: Object
    settled: bool = False
    problem: Forbidden | StoreError | None = None


@dataclass(slots=True)
class _Counter:
    """Where the creations of one namespace wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Wish] = field(default_factory=list)


class Charging:
    """Charges quotas for one replica."""

    def __init__(self, store: Store, mirror: LiveSnapshot, clock: Clock):
        self._store = store
        self._mirror = mirror
        self._clock = clock
        self._amender = Amender(store, mirror)
        self._counters: defaultdict[str, _Counter] = defaultdict(_Counter)

    @asynccontextmanager
    async def charged(self, obj: Object) -> AsyncIterator[None]:
        """Hold the reservation for `obj` while it is stored; take it back if it certainly was not.

        Raises:
            Forbidden: a quota does not allow it.
            StoreUnavailable | OutcomeUnknown: the quota cannot be written now.
        """
        if not self._quotas(obj):
            yield
            return
        await self._charge(obj)
        try:
            yield
        except (OutcomeUnknown, Timeout):
            raise
        except Exception:
            await self._release(obj)
            raise

    def check(self, obj: Object) -> None:
        """Whether the quotas would allow it, without charging them.

        Raises:
            Forbidden
        """
        now = to_milliseconds(self._clock.now())
        for quota in self._quotas(obj):
            charged(quota, obj, self._mirror, now)

    def check_growth(self, old: Object, new: Object) -> None:
        """Whether the quotas allow what an object uses more than before; it is counted when it is seen.

        Raises:
            Forbidden
        """
        now = to_milliseconds(self._clock.now())
        for quota in self._quotas(new):
            check_growth(quota, old, new, self._mirror, now)

    def _quotas(self, obj: Object) -> tuple[ResourceQuota, ...]:
        namespace = obj.metadata.namespace
        return tuple(self._mirror.list(ResourceQuota, namespace)) if namespace else ()

    async def _charge(self, obj: Object) -> None:
        """Wait for the turn of the namespace; whoever has it charges for all that wait."""
        namespace = obj.metadata.namespace
        counter, wish = self._counters[namespace], _Wish(obj)
        counter.waiting.append(wish)
        try:
            async with counter.lock:
                while not wish.settled:
                    together, counter.waiting = counter.waiting[:TOGETHER_MAX], counter.waiting[TOGETHER_MAX:]
                    await self._settle(together)
        finally:
            if wish in counter.waiting:
                counter.waiting.remove(wish)
        if not counter.waiting and not counter.lock.locked():
            self._counters.pop(namespace, None)
        if wish.problem is not None:
            raise wish.problem

    async def _settle(self, wishes: list[_Wish]) -> None:
        """Grant or refuse each wish; a failure of the store is everyone's."""
        try:
            await self._settle_all(wishes)
        except StoreError as error:
            for wish in wishes:
                if not wish.settled:
                    wish.settled, wish.problem = True, error
        except BaseException:
            for wish in wishes:
                if not wish.settled:
                    wish.settled, wish.problem = True, StoreUnavailable("the quota was not charged")
            raise

    async def _settle_all(self, wishes: list[_Wish]) -> None:
        for _ in range(ATTEMPTS_MAX):
            try:
                refusals = await self._attempt(wishes)
            except RevisionMismatch:
                await self._mirror.wait_for(self._mirror.revision + 1, NEWS_S)
                continue
            for wish in wishes:
                wish.settled, wish.problem = True, refusals.get(id(wish))
            return
        raise StoreUnavailable("the quota changes faster than it can be charged")

    async def _attempt(self, wishes: list[_Wish]) -> dict[int, Forbidden]:
        """Charge all quotas for all wishes, as the mirror shows them; why some were refused.

        Raises:
            RevisionMismatch: a quota is not what the mirror shows; nothing that was charged is charged twice.
        """
        now = to_milliseconds(self._clock.now())
        seen = {quota.metadata.name: quota for quota in self._quotas(wishes[0].object)}
        ledger, refusals = dict(seen), dict[int, Forbidden]()
        for wish in wishes:
            try:
                ledger |= {name: charged(quota, wish.object, self._mirror, now) for name, quota in ledger.items()}
            except Forbidden as refusal:
                refusals[id(wish)] = refusal
                ledger = {name: released(quota, wish.object) for name, quota in ledger.items()}
        _refuse_crowds(ledger.values())
        for name, quota in ledger.items():
            if quota is not seen[name]:
                await self._write(quota)
            elif refusals:
                await self._store.confirm(quota)
        return refusals

    async def _write(self, quota: ResourceQuota) -> None:
        revision = await self._store.put(quota, quota.metadata.revision)
        await self._mirror.wait_for(revision, NEWS_S)

    async def _release(self, obj: Object) -> None:
        """Take back what was granted; if that fails, the reservation ends by age."""
        for quota in self._quotas(obj):
            try:
                await self._amender.amend(ResourceQuota, *quota.key, lambda newest: released(newest, obj))
            except StoreError as error:
                log.info("reservation not taken back quota=%s/%s error=%s", *quota.key, error)


def _refuse_crowds(quotas: Iterable[ResourceQuota]) -> None:
    """More than these cannot wait for their objects to be seen: something is behind, so come back later."""
    if any(len(quota.status.reserved) > RESERVED_MAX for quota in quotas):
        raise StoreUnavailable("too many objects that a quota was charged for are not seen yet")
