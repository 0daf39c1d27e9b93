"""Things that are due at times of their own, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from node_agent.background import Background
from node_agent.pods.alarms import Alarms
from node_agent.timetable import Timetable
from proto.clock import LoopClock
from tests.virtual import run_virtual

Story = Callable[[LoopClock, Background], Awaitable[None]]


def told(story: Story) -> None:
    async def run() -> None:
        background = Background()
        try:
            await story(LoopClock(), background)
        finally:
            await background.close()

    run_virtual(run())


def test_each_thing_comes_at_its_time() -> None:
    async def story(clock: LoopClock, background: Background) -> None:
        came: list[tuple[str, float]] = []
        table: Timetable[str] = Timetable(
            clock, background, "t", lambda what: came.append((what, round(clock.monotonic_s(), 3)))
        )
        for at_s, what in ((5.0, "late"), (1.0, "first"), (3.0, "middle"), (3.0, "middle, added later"), (0.0, "now")):
            table.add(at_s, what)
        await clock.sleep(10)
        expected = [("now", 0.0), ("first", 1.0), ("middle", 3.0), ("middle, added later", 3.0), ("late", 5.0)]
        assert came == expected

    told(story)


def test_an_alarm_goes_off_once_at_the_time_that_was_set_last() -> None:
    async def story(clock: LoopClock, background: Background) -> None:
        rang: list[tuple[str, float]] = []
        alarms = Alarms(background, clock, lambda uid: rang.append((uid, round(clock.monotonic_s(), 3))))
        for what, waits_s in (
            ("put off", (1, 4)),
            ("brought forward", (9, 2)),
            ("forgotten", (1, None)),
            ("past", (-1,)),
        ):
            for wait_s in waits_s:
                alarms.set(what, wait_s)
        await clock.sleep(20)
        assert rang == [("past", 0.0), ("brought forward", 2.0), ("put off", 4.0)]

    told(story)


def test_an_alarm_can_be_set_again_when_it_goes_off() -> None:
    async def story(clock: LoopClock, background: Background) -> None:
        rang: list[float] = []

        def ring(what: str) -> None:
            rang.append(round(clock.monotonic_s(), 3))
            alarms.set(what, 2.0)

        alarms = Alarms(background, clock, ring)
        alarms.set("again", 1.0)
        await clock.sleep(6)
        assert rang == [1.0, 3.0, 5.0]

    told(story)


def test_however_often_an_alarm_is_put_off_one_task_waits_for_it() -> None:
    async def story(clock: LoopClock, background: Background) -> None:
        alarms = Alarms(background, clock, lambda uid: None)
        for _ in range(100):
            alarms.set("busy", 60.0)
            await clock.sleep(0.01)
        assert len(background._tasks) == 1
        assert len(alarms._table._queue) == 1

    told(story)
