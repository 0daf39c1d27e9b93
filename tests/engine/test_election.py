"""Leader election: one leader at a time, quickly another, and a holder that stops on its own clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from control_plane.engine.election import Election, Term
from control_plane.store.memory import MemoryLeaderKeys, MemoryStore, MemoryStoreServer
from proto.clock import LoopClock
from tests.virtual import in_virtual_time
from tests.waiting import eventually


@dataclass
class Candidate:
    """A replica that does nothing but stand for election, and remembers when it led."""

    name: str
    server: MemoryStoreServer
    spans: list[tuple[float, float | None, int]] = field(default_factory=list)
    term: Term | None = None

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.server)
        self.election = Election(
            MemoryLeaderKeys(self.store), self.name, LoopClock(), start=self._start, stop=self._stop
        )
        self.task: asyncio.Task[None] | None = None

    async def _start(self, term: Term) -> None:
        self.term = term
        self.spans.append((asyncio.get_running_loop().time(), None, term.epoch))

    async def _stop(self) -> None:
        began_s, _, epoch = self.spans.pop()
        self.spans.append((began_s, asyncio.get_running_loop().time(), epoch))

    def run(self) -> None:
        self.task = asyncio.create_task(self.election.run())

    async def end(self) -> None:
        """End without giving the key up, as a killed program does."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])


@asynccontextmanager
async def candidates(*names: str) -> AsyncIterator[list[Candidate]]:
    server = MemoryStoreServer()
    standing = [Candidate(name, server) for name in names]
    standing[0].run()
    await eventually(lambda: standing[0].election.leading)
    for candidate in standing[1:]:
        candidate.run()
    yield standing
    for candidate in standing:
        await candidate.end()


@in_virtual_time
async def test_one_leads_as_long_as_it_renews() -> None:
    async with candidates("a", "b", "c") as (a, b, c):
        await asyncio.sleep(60)
        assert a.election.leading
        assert len(a.spans) == 1
        assert b.spans == c.spans == []


@in_virtual_time
async def test_when_the_leader_is_killed_another_leads_within_three_seconds() -> None:
    async with candidates("a", "b") as (a, b):
        await asyncio.sleep(5.3)
        killed_s = asyncio.get_running_loop().time()
        await a.end()
        await eventually(lambda: b.election.leading)
        assert asyncio.get_running_loop().time() - killed_s < 2.5
        assert b.spans[0][2] > a.spans[0][2]


@in_virtual_time
async def test_a_leader_that_resigns_is_followed_at_once() -> None:
    async with candidates("a", "b") as (a, b):
        await a.end()
        await a.election.resign()
        left_s = asyncio.get_running_loop().time()
        await eventually(lambda: b.election.leading)
        assert asyncio.get_running_loop().time() - left_s < 0.3


@in_virtual_time
async def test_a_leader_that_cannot_renew_stops_before_another_starts() -> None:
    async with candidates("a", "b") as (a, b):
        a.store.away = True
        await eventually(lambda: b.election.leading)
        stopped_s = a.spans[0][1]
        assert stopped_s is not None
        assert stopped_s <= b.spans[0][0]
        assert not a.election.leading


@in_virtual_time
async def test_an_outage_of_the_store_pauses_the_leader_and_elects_nobody_meanwhile() -> None:
    async with candidates("a", "b") as (a, b):
        a.server.unavailable = True
        await asyncio.sleep(7)
        assert not a.election.leading
        assert not b.election.leading
        a.server.unavailable = False
        await eventually(lambda: a.election.leading or b.election.leading)
        await asyncio.sleep(5)
        assert a.election.leading != b.election.leading


@in_virtual_time
async def test_the_same_leader_goes_on_when_the_key_is_still_its_own() -> None:
    async with candidates("a", "b") as (a, b):
        leader = a.server.leader
        assert leader is not None
        a.server.unavailable = True
        await asyncio.sleep(5)
        leader = a.server.leader
        assert leader is not None
        leader.expires_s = asyncio.get_running_loop().time() + 1.0  # JetStream forgets keys only once it has elected.
        a.server.unavailable = False
        await eventually(lambda: a.election.leading, within_s=1)
        assert b.spans == []
        first, second = (epoch for _, _, epoch in a.spans)
        assert second > first


@pytest.mark.parametrize("frozen_s", [0.4, 1.9, 2.1, 30.0])
def test_the_clock_ends_a_term_before_any_timer_does(frozen_s: float) -> None:
    @in_virtual_time
    async def check() -> None:
        clock = SkippingClock()
        server = MemoryStoreServer()
        store = MemoryStore(server)
        terms: list[Term] = []

        async def start(term: Term) -> None:
            terms.append(term)

        async def stop() -> None:
            pass

        election = Election(MemoryLeaderKeys(store), "a", clock, start=start, stop=stop)
        task = asyncio.create_task(election.run())
        await eventually(lambda: terms)
        clock.skipped_s += frozen_s  # The program was stopped, and is in the middle of something now.
        assert terms[0].held() is (frozen_s < 2.0)
        task.cancel()
        await asyncio.wait([task])

    check()


class SkippingClock(LoopClock):
    """A clock on which time has passed while the loop stood still."""

    skipped_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.skipped_s


@in_virtual_time
async def test_a_term_that_is_over_stays_over_when_the_same_replica_leads_again() -> None:
    """What is left of the old term must not write, or answer nodes, in the name of the new one."""
    async with candidates("a") as (a,):
        first = a.term
        assert first is not None and first.held()
        a.server.unavailable = True
        await eventually(lambda: not a.election.leading, within_s=10)
        a.server.unavailable = False
        await eventually(lambda: a.election.leading, within_s=10)
        second = a.term
        assert second is not None and second.epoch > first.epoch
        assert (first.held(), second.held()) == (False, True)
