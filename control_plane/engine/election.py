"""Leader election: which replica runs the loops.

The leader holds a key with a time to live in the store and renews it several times within that time. It counts its
own deadline from *sending* the last acknowledged renewal, so it stops leading before anyone else can take the key.
While JetStream elects a leader of its own nobody can write; the holder stops when its deadline passes, keeps asking,
and leads on if the key is still its own when an answer comes. Every term of leadership has an epoch of its own, and
epochs only grow.

*Reads and writes*: the leader keys. *Never*: anything else; what leading means is the caller's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from control_plane.store.port import LeaderKeys, OutcomeUnknown, StoreUnavailable
from proto.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Term:
    """One unbroken time of leading. `held()` asks the clock, so it is right even before any timer fired."""

    epoch: int
    held: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class ElectionPace:
    """Seconds. `retry_s` is how often a replica that does not lead asks for the key."""

    ttl_s: float = 2.0
    renew_s: float = 0.5
    retry_s: float = 0.2


class Election:
    """One replica's part in the election.

    `start(term)` is called when leading begins and `stop()` when it ends; both should return soon, and `stop` is
    called exactly once for each `start`.
    """

    def __init__(
        self,
        keys: LeaderKeys,
        holder: str,
        clock: Clock,
        *,
        start: Callable[[Term], Awaitable[None]],
        stop: Callable[[], Awaitable[None]],
        pace: ElectionPace | None = None,
    ):
        self._keys = keys
        self._holder = holder
        self._clock = clock
        self._start = start
        self._stop = stop
        self._pace = pace or ElectionPace()
        self._deadline_s = float("-inf")
        self._revision: int | None = None
        self._leading = False
        self._terms_over = 0

    @property
    def leading(self) -> bool:
        """Whether this replica leads now."""
        return self._leading and self._held()

    async def run(self) -> None:
        """Stand for election for ever; cancelling it ends the leading, see `resign`."""
        try:
            while True:
                await self._acquire()
                await self._hold()
                await self._step_down("the key was lost")
        finally:
            await self._step_down("this replica stops")

    async def resign(self) -> None:
        """Give the key up, so that another replica leads at once; call it after `run` has ended."""
        if self._revision is None:
            return
        try:
            async with asyncio.timeout(self._pace.renew_s):
                await self._keys.release(self._revision)
        except (StoreUnavailable, OutcomeUnknown, TimeoutError) as error:
            log.info("leadership not released, its time will run out holder=%s error=%s", self._holder, error)
        self._revision = None

    def _held(self) -> bool:
        return self._clock.monotonic_s() < self._deadline_s

    async def _acquire(self) -> None:
        """Ask for the key until it is ours."""
        while True:
            sent_s = self._clock.monotonic_s()
            try:
                self._revision = await self._keys.acquire(self._holder, self._pace.ttl_s)
            except (StoreUnavailable, OutcomeUnknown) as error:
                log.debug("cannot stand for election holder=%s error=%s", self._holder, error)
            if self._revision is not None:
                self._deadline_s = sent_s + self._pace.ttl_s
                return
            await self._clock.sleep(self._pace.retry_s)

    async def _hold(self) -> None:
        """Lead and renew until the key is another's. Leading pauses while no renewal is acknowledged in time."""
        while self._revision is not None:
            if self._held() and not self._leading:
                await self._step_up()
            pause_s = self._pace.renew_s if self._held() else self._pace.retry_s
            await self._clock.sleep(pause_s)
            await self._renew()

    async def _renew(self) -> None:
        """Ask to keep the key; while the answer is out the deadline is watched, and the question is never given up."""
        sent_s = self._clock.monotonic_s()
        asking = asyncio.ensure_future(self._ask())
        try:
            await asyncio.wait({asking}, timeout=max(0.0, self._deadline_s - sent_s))
            if not asking.done() or not self._held():
                await self._step_down("no renewal was acknowledged in time")
            kept, self._revision = await asking
        except asyncio.CancelledError:
            asking.cancel()
            raise
        if kept:
            self._deadline_s = sent_s + self._pace.ttl_s

    async def _ask(self) -> tuple[bool, int | None]:
        """(whether the key was renewed, the revision to renew with next or None if the key is lost)."""
        assert self._revision is not None
        try:
            revision = await self._keys.renew(self._holder, self._revision, self._pace.ttl_s)
        except (StoreUnavailable, OutcomeUnknown) as error:
            log.debug("renewal not acknowledged holder=%s error=%s", self._holder, error)
            return False, self._revision
        return revision is not None, revision

    async def _step_up(self) -> None:
        try:
            async with asyncio.timeout(max(0.01, self._deadline_s - self._now_s())):
                epoch = await self._keys.next_epoch()
        except (StoreUnavailable, OutcomeUnknown, TimeoutError) as error:
            log.warning("no epoch for the new term holder=%s error=%s", self._holder, error)
            return
        self._leading = True
        log.info("leading holder=%s epoch=%d", self._holder, epoch)
        terms_over = self._terms_over
        await self._start(Term(epoch, lambda: self._terms_over == terms_over and self._held()))

    async def _step_down(self, why: str) -> None:
        if self._leading:
            self._leading = False
            self._terms_over += 1
            log.warning("not leading any more holder=%s why=%s", self._holder, why)
            await self._stop()

    def _now_s(self) -> float:
        return self._clock.monotonic_s()
