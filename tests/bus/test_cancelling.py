"""A cancellation counts, also where it meets what was waited for."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.tasks import Tasks
from proto.cancelling import cancelled, kept_cancellation
from tests.bus.stubborn import losing_one_cancellation


@pytest.mark.parametrize("outcome", ["answer", "error"])
async def test_a_cancellation_that_meets_the_outcome_is_kept(outcome: str) -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> str:
        with kept_cancellation():
            return await asyncio.wait_for(answer, 10)

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    if outcome == "answer":
        answer.set_result("yes")
    else:
        answer.set_exception(RuntimeError("no"))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_without_one_the_outcome_stands() -> None:
    with kept_cancellation():
        pass
    with pytest.raises(RuntimeError, match="no"), kept_cancellation():
        raise RuntimeError("no")


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    task = asyncio.create_task(losing_one_cancellation())
    await asyncio.sleep(0)
    await cancelled([task])
    assert task.cancelled()


async def test_who_stops_tasks_that_have_just_ended_lets_that_be_told() -> None:
    """Their callbacks come in the loop's next turn; a control plane that stepped down waited for them for ever."""

    async def brief() -> None:
        """Ends at once."""

    tasks = Tasks(lambda name: None)
    tasks.once("brief", brief())
    await asyncio.sleep(0)  # It has ended in this turn, before us.
    await tasks.stop()
