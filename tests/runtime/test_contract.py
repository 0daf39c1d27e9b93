"""The runtime port's sentences, as tests that every driver passes.

A third party's driver passes them by a `Machine` of its own.
"""

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import (
    Changed,
    ContainerPhase,
    ContainerSpec,
    ContainerState,
    ExitReason,
    Fence,
    LogPolicy,
    NoSuchContainer,
    Relisted,
    Runtime,
    RuntimeEvent,
    RuntimeFailure,
    RuntimeSettings,
    StartFailed,
)
from node_agent.runtime.process import ProcessRuntime
from proto.clock import SystemClock
from tests.waiting import eventually

PROGRAMS = {
    "fake": {
        "runs": ("fake",),
        "exits": ("fake", "--exit-after", "0.05", "--code", "3"),
        "succeeds": ("fake", "--exit-after", "0.05"),
        "stubborn": ("fake", "--ignore-term"),
        "missing": ("fake", "--fail-start", "ENOENT"),
    },
    "process": {
        "runs": ("sleep", "100"),
        "exits": ("sh", "-c", "sleep 0.05; exit 3"),
        "succeeds": ("sleep", "0.05"),
        "stubborn": ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"),
        "missing": ("/no/such/program",),
    },
}


class Machine:
    """A machine whose agent can be restarted."""

    def __init__(self, driver: str, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.runtime: Runtime = self._build()

    def _build(self) -> Runtime:
        settings = RuntimeSettings("test", self.folder)
        return FakeRuntime(settings) if self.driver == "fake" else ProcessRuntime(settings)

    async def restart_agent(self) -> None:
        await self.runtime.close()
        if self.driver == "process":
            self.runtime = self._build()
        await self.runtime.open()

    def now_s(self) -> float:
        """The clock of grants: the machine's; in the fake one, which may be virtual, the loop's."""
        return asyncio.get_running_loop().time() if self.driver == "fake" else SystemClock().monotonic_s()

    async def start(
        self, container_id: str, program: str, *, fence: Fence | None = None, **annotations: str
    ) -> ContainerState:
        spec = ContainerSpec(
            id=container_id,
            argv=PROGRAMS[self.driver][program],
            log=LogPolicy(self.folder / "logs" / container_id),
            env={"PATH": "/usr/bin:/bin"},
            annotations=annotations,
            fence=fence,
        )
        return await self.runtime.start(spec)

    async def state(self, container_id: str) -> ContainerState:
        return next(state for state in await self.runtime.list() if state.id == container_id)

    async def ended(self, container_id: str) -> ContainerState:
        async def look() -> ContainerState | None:
            state = await self.state(container_id)
            return None if state.running else state

        found = await eventually(look)
        assert found is not None
        return found

    async def close(self) -> None:
        if isinstance(self.runtime, ProcessRuntime):
            await self.runtime.shutdown(grace_s=0)
        else:
            await self.runtime.close()


@pytest.fixture(params=["fake", "process"])
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    machine = Machine(request.param, tmp_path)
    await machine.runtime.open()
    yield machine
    await machine.close()


async def test_a_started_container_runs(machine: Machine) -> None:
    state = await machine.start("u.a.0", "runs", pod="web")
    assert (state.phase, state.exit_code, state.annotations) == (ContainerPhase.RUNNING, None, {"pod": "web"})
    assert await machine.runtime.list() == (state,)


@pytest.mark.parametrize(
    ("program", "exit_code", "reason"),
    [("exits", 3, ExitReason.ERROR), ("succeeds", 0, ExitReason.COMPLETED)],
)
async def test_an_outcome_is_kept(machine: Machine, program: str, exit_code: int, reason: ExitReason) -> None:
    await machine.start("u.a.0", program)
    ended = await machine.ended("u.a.0")
    assert (ended.exit_code, ended.signal, ended.reason) == (exit_code, None, reason)
    assert ended.finished_at_s is not None and ended.finished_at_s >= ended.started_at_s


async def test_an_id_lives_once(machine: Machine) -> None:
    first, second = await asyncio.gather(machine.start("u.a.0", "exits"), machine.start("u.a.0", "exits"))
    assert first.pid == second.pid
    ended = await machine.ended("u.a.0")
    assert await machine.start("u.a.0", "exits") == ended


async def test_a_failed_start_leaves_nothing(machine: Machine) -> None:
    with pytest.raises(StartFailed, match="cannot execute") as failure:
        await machine.start("u.a.0", "missing")
    assert failure.value.errno == errno.ENOENT
    assert await machine.runtime.list() == ()


async def test_a_bad_id_is_refused(machine: Machine) -> None:
    with pytest.raises(StartFailed, match="invalid container id"):
        await machine.start("../a", "runs")


async def test_stop_is_gentle_first(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    stopped = await machine.runtime.stop("u.a.0", grace_s=10)
    assert (stopped.running, stopped.exit_code, stopped.signal) == (False, 143, 15)
    assert await machine.runtime.stop("u.a.0", grace_s=10) == stopped


async def test_stop_kills_after_the_grace(machine: Machine) -> None:
    await machine.start("u.a.0", "stubborn")
    if machine.driver == "process":
        await eventually(lambda: (machine.folder / "logs" / "u.a.0").exists())
    stopped = await machine.runtime.stop("u.a.0", grace_s=0.3)
    assert (stopped.exit_code, stopped.signal) == (137, 9)


async def test_a_signal_is_delivered(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    await machine.runtime.signal("u.a.0", 9)
    assert (await machine.ended("u.a.0")).exit_code == 137
    await machine.runtime.signal("u.a.0", 9)


async def test_unknown_ids(machine: Machine) -> None:
    with pytest.raises(NoSuchContainer):
        await machine.runtime.signal("u.a.0", 9)
    with pytest.raises(NoSuchContainer):
        await machine.runtime.stop("u.a.0", grace_s=0)
    await machine.runtime.remove("u.a.0")
    assert await machine.runtime.stats(["u.a.0"]) == {}


async def test_remove_forgets(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    await machine.runtime.remove("u.a.0")
    assert await machine.runtime.list() == ()


async def test_an_agent_that_returns_finds_everything(machine: Machine) -> None:
    running = await machine.start("u.a.0", "runs", pod="web")
    await machine.start("u.b.0", "exits")
    await machine.restart_agent()
    assert await machine.state("u.a.0") == running
    assert (await machine.ended("u.b.0")).exit_code == 3


async def test_usage_is_of_running_containers(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    await machine.start("u.b.0", "succeeds")
    await machine.ended("u.b.0")
    assert set(await machine.runtime.stats()) == {"u.a.0"}


async def test_events_begin_with_a_listing_and_tell_the_last_of_each(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    heard: list[RuntimeEvent] = []

    async def listen() -> None:
        async for event in machine.runtime.events():
            heard.append(event)

    listening = asyncio.create_task(listen())
    await eventually(lambda: heard)
    assert isinstance(heard[0], Relisted) and [state.id for state in heard[0].states] == ["u.a.0"]
    await machine.start("u.b.0", "exits")
    await machine.ended("u.b.0")

    def last() -> bool:
        return isinstance(heard[-1], Changed) and heard[-1].state.exit_code == 3

    await eventually(last)
    await machine.runtime.close()
    async with asyncio.timeout(5):
        await listening
    await machine.restart_agent()


async def test_the_fingerprint_names_driver_and_abilities(machine: Machine) -> None:
    fingerprint = await machine.runtime.fingerprint()
    assert fingerprint.driver == machine.driver
    assert "outlives-agent" in fingerprint.abilities
    assert fingerprint.boot_id


async def test_a_cancelled_stop_goes_on(machine: Machine) -> None:
    await machine.start("u.a.0", "runs")
    stopping = asyncio.create_task(machine.runtime.stop("u.a.0", grace_s=1))
    await asyncio.sleep(0)
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping
    assert not (await machine.ended("u.a.0")).running


async def test_a_container_with_a_fence_needs_a_grant(machine: Machine) -> None:
    with pytest.raises(RuntimeFailure):
        await machine.start("u.a.0", "runs", fence=Fence(None, 1))
    assert await machine.runtime.list() == ()


@pytest.mark.parametrize("program", ["runs", "stubborn"])
async def test_a_fence_that_runs_out_ends_the_container(machine: Machine, program: str) -> None:
    sent_s = machine.now_s()
    machine.runtime.grant(sent_s, 30.0)
    await machine.start("u.a.0", program, fence=Fence(1.0, 30))
    await machine.start("u.b.0", "runs", fence=Fence(None, 30))
    state = await machine.ended("u.a.0")
    assert machine.now_s() < sent_s + 1.0
    assert state.reason is ExitReason.FENCED
    assert (await machine.state("u.b.0")).running


async def test_a_grant_is_told_to_the_next_driver_of_the_machine(machine: Machine) -> None:
    machine.runtime.grant(machine.now_s(), 1.0)
    await machine.start("u.a.0", "runs", fence=Fence(None, 0))
    await machine.restart_agent()
    assert (await machine.ended("u.a.0")).reason is ExitReason.FENCED
