"""The work queue: every key once, never two workers on one key, failures back off each for itself."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.engine.queue import WorkQueue
from proto.clock import LoopClock
from tests.virtual import in_virtual_time


def queue(**options: float) -> WorkQueue[str]:
    return WorkQueue(LoopClock(), **options)  # type: ignore[arg-type]


async def take_all(waiting: WorkQueue[str]) -> list[str]:
    taken = []
    while len(waiting):
        key = await waiting.get()
        taken.append(key)
        waiting.done(key)
    return taken


@in_virtual_time
async def test_a_key_that_is_added_twice_waits_once_and_order_is_kept() -> None:
    waiting = queue()
    for key in ("b", "a", "b", "c", "a"):
        waiting.add(key)
    assert await take_all(waiting) == ["b", "a", "c"]


@in_virtual_time
async def test_a_key_that_changes_while_it_is_worked_on_waits_again_afterwards() -> None:
    waiting = queue()
    waiting.add("a")
    key = await waiting.get()
    waiting.add("a")
    waiting.add("a")
    assert len(waiting) == 0
    waiting.done(key)
    assert await take_all(waiting) == ["a"]


@in_virtual_time
async def test_back_off_doubles_up_to_its_limit_and_success_resets_it() -> None:
    waiting = queue(backoff_s=1.0, backoff_max_s=5.0)
    delays = []
    for _ in range(5):
        delays.append(waiting.retry("a"))
        waiting.done(await waiting.get())
    assert delays == [1, 2, 4, 5, 5]
    assert waiting.retry("b") == 1
    waiting.succeed("a")
    assert waiting.retry("a") == 1
    waiting.close()


@pytest.mark.parametrize(
    ("delays_s", "at_s"),
    [((3.0, 1.0), 1.0), ((1.0, 3.0), 1.0), ((2.0,), 2.0), ((0.0, 2.0), 0.0)],
    ids=["an earlier one counts", "a later one does not", "alone", "none"],
)
def test_a_delayed_key_comes_when_its_earliest_delay_is_over(delays_s: tuple[float, ...], at_s: float) -> None:
    @in_virtual_time
    async def check() -> None:
        waiting = queue()
        for delay_s in delays_s:
            waiting.add_after("a", delay_s)
        assert await waiting.get() == "a"
        assert asyncio.get_running_loop().time() == pytest.approx(at_s, abs=0.01)
        waiting.done("a")
        await asyncio.sleep(10)
        assert len(waiting) == 0
        waiting.close()

    check()


@in_virtual_time
async def test_an_event_overtakes_a_delay() -> None:
    waiting = queue()
    waiting.add_after("a", 5.0)
    waiting.add("a")
    assert await take_all(waiting) == ["a"]
    await asyncio.sleep(10)
    assert len(waiting) == 0
    waiting.close()


@in_virtual_time
async def test_beyond_its_bound_it_drops_and_says_so() -> None:
    waiting = queue(bound=2)
    for key in "abc":
        waiting.add(key)
    assert waiting.overflowed
    assert await take_all(waiting) == ["a", "b"]


@in_virtual_time
async def test_a_cancelled_worker_leaves_its_key_to_the_next() -> None:
    waiting = queue()
    first, second = asyncio.create_task(waiting.get()), asyncio.create_task(waiting.get())
    await asyncio.sleep(0)
    waiting.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 1.0) == "a"
