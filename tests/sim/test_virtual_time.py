"""The ground the simulation stands on: virtual time, and programs that can be killed and frozen."""

from __future__ import annotations

import asyncio
import gc
import time

import pytest

from tests.sim.programs import Program, run
from tests.sim.virtual_time import Deadlock, VirtualTimeLoop


def test_an_hour_passes_at_once() -> None:
    async def main() -> float:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        return asyncio.get_running_loop().time()

    begun = time.monotonic()
    assert run(main()) == pytest.approx(3600, abs=1e-3)
    assert time.monotonic() - begun < 1


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main())


def test_threads_are_done_in_place() -> None:
    async def main() -> int:
        return await asyncio.to_thread(lambda: 42)

    assert run(main()) == 42


def test_sets_of_tasks_are_walked_in_the_same_order_every_time() -> None:
    async def main() -> list[str]:
        async def work() -> None:
            await asyncio.sleep(1)

        tasks = {asyncio.create_task(work(), name=str(i)) for i in range(100)}
        order = [task.get_name() for task in tasks]
        await asyncio.wait(tasks)
        return order

    assert run(main()) == run(main())


def test_timers_that_were_cancelled_do_not_pile_up() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        for _ in range(1000):
            loop.call_later(3600, print).cancel()
        await asyncio.sleep(1)
        return loop.timers

    assert run(main()) == 0


def test_the_garbage_collector_rests_during_a_run_and_not_after_it() -> None:
    async def main() -> bool:
        return gc.isenabled()

    assert gc.isenabled()
    assert not run(main())
    assert gc.isenabled()


class Ticker:
    """A program that counts seconds, and would tidy up if it were asked to end."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.tidied = False

    async def main(self) -> None:
        try:
            await asyncio.gather(self._tick(), asyncio.sleep(1000))
        finally:
            self.tidied = True

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.ticks.append(int(asyncio.get_running_loop().time()))


def test_a_killed_program_does_nothing_more_and_does_not_tidy_up() -> None:
    async def main() -> None:
        program, ticker = Program("ticker"), Ticker()
        program.start(ticker.main())
        await asyncio.sleep(2.5)
        program.kill()
        await asyncio.sleep(10)
        assert (ticker.ticks, ticker.tidied) == ([1, 2], False)
        program.run(ticker.ticks.append, 99)
        assert ticker.ticks == [1, 2]

    run(main())


def test_a_frozen_program_goes_on_where_it_was_with_all_that_reached_it_meanwhile() -> None:
    async def main() -> None:
        program, ticker = Program("ticker"), Ticker()
        program.start(ticker.main())
        await asyncio.sleep(2.5)
        program.freeze()
        program.run(ticker.ticks.append, 0)
        await asyncio.sleep(10)
        assert ticker.ticks == [1, 2]
        program.thaw()
        await asyncio.sleep(1.6)
        assert ticker.ticks == [1, 2, 0, 12, 13]
        program.kill()

    run(main())


def test_the_end_of_a_program_is_told() -> None:
    async def main() -> None:
        ends: list[tuple[str, object]] = []

        async def fails() -> None:
            raise ValueError("broken")

        Program("p", lambda program, error: ends.append((program.name, repr(error)))).start(fails())
        await asyncio.sleep(1)
        assert ends == [("p", "ValueError('broken')")]

    run(main())
