"""What every driver owes: one life per id, its end kept, changes told, fences held."""

import asyncio
import contextlib
import errno
import signal

import pytest

from node_agent.runtime.conformance.rig import Rig, RuntimeSuite
from node_agent.runtime.port import (
    Changed,
    ContainerPhase,
    ExitReason,
    Fence,
    NoSuchContainer,
    Relisted,
    RuntimeEvent,
    RuntimeFailure,
    StartFailed,
)


class Listener:
    """Hears the events of a driver from now on."""

    def __init__(self, rig: Rig) -> None:
        self.heard: list[RuntimeEvent] = []
        self.task = asyncio.create_task(self._listen(rig), name="listener")

    async def _listen(self, rig: Rig) -> None:
        async for event in rig.runtime.events():
            self.heard.append(event)

    def last_of(self, container_id: str) -> RuntimeEvent | None:
        """The newest change of a container."""
        heard = (event for event in reversed(self.heard) if isinstance(event, Changed))
        return next((event for event in heard if event.state.id == container_id), None)

    def heard_end_of(self, container_id: str) -> bool:
        """Whether its end was told."""
        last = self.last_of(container_id)
        return isinstance(last, Changed) and not last.state.running


@pytest.mark.asyncio
class RuntimeConformance(RuntimeSuite):
    """One class of tests; see the package."""

    async def test_a_started_container_runs(self, rig: Rig) -> None:
        state = await rig.start("u.a.0", rig.programs.runs, pod="web")
        assert (state.phase, state.exit_code, state.annotations) == (ContainerPhase.RUNNING, None, {"pod": "web"})
        assert await rig.runtime.list() == (state,)

    @pytest.mark.parametrize(
        ("program", "exit_code", "reason"),
        [("exits", 3, ExitReason.ERROR), ("succeeds", 0, ExitReason.COMPLETED)],
    )
    async def test_an_outcome_is_kept(self, rig: Rig, program: str, exit_code: int, reason: ExitReason) -> None:
        await rig.start("u.a.0", getattr(rig.programs, program))
        ended = await rig.ended("u.a.0")
        assert (ended.exit_code, ended.signal, ended.reason) == (exit_code, None, reason)
        assert ended.finished_at_s is not None and ended.finished_at_s >= ended.started_at_s

    async def test_an_id_lives_once(self, rig: Rig) -> None:
        first, second = await asyncio.gather(*(rig.start("u.a.0", rig.programs.exits) for _ in range(2)))
        assert first.pid == second.pid
        ended = await rig.ended("u.a.0")
        assert await rig.start("u.a.0", rig.programs.exits) == ended

    async def test_many_start_at_once(self, rig: Rig) -> None:
        ids = [f"u.a.{number:02}" for number in range(30)]
        await asyncio.gather(*(rig.start(container_id, rig.programs.runs) for container_id in reversed(ids)))
        listed = await rig.runtime.list()
        assert [state.id for state in listed] == ids
        assert len({state.pid for state in listed}) == len(ids)

    async def test_a_failed_start_leaves_nothing(self, rig: Rig) -> None:
        with pytest.raises(StartFailed) as failure:
            await rig.start("u.a.0", rig.programs.missing)
        assert failure.value.errno == errno.ENOENT
        assert rig.programs.missing[0] in str(failure.value), "the message names the file at fault"
        assert await rig.runtime.list() == ()
        assert (await rig.start("u.a.0", rig.programs.runs)).running, "the id is still unused"

    @pytest.mark.parametrize("container_id", ["", "../a", ".hidden", "a/b", "a b", "a" * 201])
    async def test_a_bad_id_is_refused(self, rig: Rig, container_id: str) -> None:
        with pytest.raises(StartFailed) as failure:
            await rig.start(container_id, rig.programs.runs)
        assert failure.value.errno == errno.EINVAL

    async def test_an_empty_command_is_refused(self, rig: Rig) -> None:
        with pytest.raises(StartFailed) as failure:
            await rig.start("u.a.0", ())
        assert failure.value.errno == errno.EINVAL

    async def test_stop_is_gentle_first(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        stopped = await rig.runtime.stop("u.a.0", grace_s=10)
        assert (stopped.running, stopped.exit_code, stopped.signal) == (False, 143, signal.SIGTERM)
        assert await rig.runtime.stop("u.a.0", grace_s=10) == stopped

    async def test_stop_uses_the_signal_that_was_asked_for(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs, stop_signal=signal.SIGINT)
        stopped = await rig.runtime.stop("u.a.0", grace_s=10)
        assert (stopped.exit_code, stopped.signal) == (130, signal.SIGINT)

    async def test_stop_kills_after_the_grace(self, rig: Rig) -> None:
        await rig.started_stubborn("u.a.0")
        stopped = await rig.runtime.stop("u.a.0", grace_s=0.3)
        assert (stopped.exit_code, stopped.signal) == (137, signal.SIGKILL)

    async def test_a_second_stop_shortens_the_grace(self, rig: Rig) -> None:
        await rig.started_stubborn("u.a.0")
        patient = asyncio.create_task(rig.runtime.stop("u.a.0", grace_s=60))
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            hasty = await rig.runtime.stop("u.a.0", grace_s=0.1)
            assert await patient == hasty

    async def test_a_cancelled_stop_goes_on(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        stopping = asyncio.create_task(rig.runtime.stop("u.a.0", grace_s=1))
        await asyncio.sleep(0)
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopping
        assert not (await rig.ended("u.a.0")).running

    async def test_a_signal_is_delivered(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        await rig.runtime.signal("u.a.0", signal.SIGKILL)
        assert (await rig.ended("u.a.0")).exit_code == 137
        await rig.runtime.signal("u.a.0", signal.SIGKILL)

    async def test_unknown_ids(self, rig: Rig) -> None:
        with pytest.raises(NoSuchContainer):
            await rig.runtime.signal("u.a.0", signal.SIGKILL)
        with pytest.raises(NoSuchContainer):
            await rig.runtime.stop("u.a.0", grace_s=0)
        await rig.runtime.remove("u.a.0")
        assert await rig.runtime.stats(["u.a.0"]) == {}

    async def test_remove_ends_and_forgets(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        await rig.runtime.remove("u.a.0")
        assert await rig.runtime.list() == ()
        with pytest.raises(NoSuchContainer):
            await rig.runtime.stop("u.a.0", grace_s=0)

    async def test_an_agent_that_returns_finds_everything(self, rig: Rig) -> None:
        running = await rig.start("u.a.0", rig.programs.runs, pod="web")
        await rig.start("u.b.0", rig.programs.exits)
        await rig.restart_agent()
        assert await rig.state("u.a.0") == running
        assert (await rig.ended("u.b.0")).exit_code == 3
        assert await rig.start("u.a.0", rig.programs.runs, pod="web") == running, "an id lives once, over restarts too"

    async def test_usage_is_of_running_containers(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        await rig.start("u.b.0", rig.programs.succeeds)
        await rig.ended("u.b.0")
        assert set(await rig.runtime.stats()) == {"u.a.0"}
        assert set(await rig.runtime.stats(["u.a.0", "u.b.0", "u.c.0"])) == {"u.a.0"}

    async def test_events_begin_with_a_listing_and_tell_the_last_of_each(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        listeners = [Listener(rig), Listener(rig)]
        for listener in listeners:
            first = await rig.until(lambda heard=listener.heard: heard and heard[0], "an iterator began")  # type: ignore[misc]
            assert isinstance(first, Relisted) and [state.id for state in first.states] == ["u.a.0"]
        await rig.start("u.b.0", rig.programs.exits)
        for listener in listeners:
            await rig.until(lambda told=listener: told.heard_end_of("u.b.0"), "every iterator told the end")  # type: ignore[misc]

    async def test_close_ends_the_iterators(self, rig: Rig) -> None:
        listener = Listener(rig)
        await rig.until(lambda: listener.heard, "the iterator began")
        await rig.runtime.close()
        async with asyncio.timeout(5):
            await listener.task
        await rig.open()

    async def test_the_fingerprint_names_driver_and_abilities(self, rig: Rig) -> None:
        fingerprint = await rig.runtime.fingerprint()
        assert fingerprint.driver and fingerprint.version and fingerprint.boot_id
        assert "outlives-agent" in fingerprint.abilities
        assert not fingerprint.abilities & fingerprint.missing.keys()

    async def test_a_container_with_a_fence_needs_a_grant(self, rig: Rig) -> None:
        with pytest.raises(RuntimeFailure):
            await rig.start("u.a.0", rig.programs.runs, fence=Fence(None, 1))
        assert await rig.runtime.list() == ()

    @pytest.mark.parametrize("program", ["runs", "stubborn"])
    async def test_a_fence_that_runs_out_ends_the_container(self, rig: Rig, program: str) -> None:
        sent_s = rig.now_s()
        rig.runtime.grant(sent_s, 60.0)
        await rig.start("u.a.0", getattr(rig.programs, program), fence=Fence(2.0, 30))
        await rig.start("u.b.0", rig.programs.runs, fence=Fence(None, 30))
        state = await rig.ended("u.a.0")
        assert rig.now_s() < sent_s + 2.0
        assert state.reason is ExitReason.FENCED
        assert (await rig.state("u.b.0")).running

    async def test_a_grant_is_told_to_the_next_driver_of_the_machine(self, rig: Rig) -> None:
        rig.runtime.grant(rig.now_s(), 2.0)
        await rig.start("u.a.0", rig.programs.runs, fence=Fence(None, 0))
        await rig.restart_agent()
        assert (await rig.ended("u.a.0")).reason is ExitReason.FENCED
