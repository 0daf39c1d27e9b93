"""The fake driver's scripts, in virtual time."""

import asyncio
from pathlib import Path

import pytest

from node_agent.runtime.fake import FakeBehaviour, FakeRuntime
from node_agent.runtime.port import ContainerSpec, ExitReason, LogPolicy, StartFailed
from tests.virtual import run_virtual


def spec(container_id: str, *argv: str) -> ContainerSpec:
    return ContainerSpec(container_id, argv, LogPolicy(Path("/log")))


@pytest.mark.parametrize(
    ("words", "exit_code", "number", "reason"),
    [
        ("--exit-after 3600 --code 0", 0, None, ExitReason.COMPLETED),
        ("--exit-after 3600 --code 2", 2, None, ExitReason.ERROR),
        ("--exit-after 3600 --signal 11", 139, 11, ExitReason.ERROR),
        ("--exit-after 3600 --oom", 137, 9, ExitReason.OOM_KILLED),
    ],
)
def test_a_script_ends_as_written(words: str, exit_code: int, number: int | None, reason: ExitReason) -> None:
    async def scenario() -> None:
        runtime = FakeRuntime()
        await runtime.start(spec("a", "fake", *words.split()))
        await asyncio.sleep(3599)
        assert (await runtime.list())[0].running
        await asyncio.sleep(2)
        (ended,) = await runtime.list()
        assert (ended.exit_code, ended.signal, ended.reason) == (exit_code, number, reason)
        assert ended.finished_at_s == pytest.approx(ended.started_at_s + 3600)

    run_virtual(scenario())


def test_a_slow_start_and_a_slow_stop_take_their_time() -> None:
    async def scenario() -> None:
        loop, runtime = asyncio.get_running_loop(), FakeRuntime()
        await runtime.start(spec("a", "fake", "--start-delay", "5", "--stop-after", "7"))
        assert loop.time() == pytest.approx(5)
        assert (await runtime.stop("a", grace_s=30)).exit_code == 0
        assert loop.time() == pytest.approx(12)

    run_virtual(scenario())


def test_a_reboot_ends_what_ran_and_keeps_what_had_ended() -> None:
    async def scenario() -> None:
        runtime = FakeRuntime()
        await runtime.start(spec("a", "server"))
        await runtime.start(spec("b", "fake", "--exit-after", "1"))
        await asyncio.sleep(2)
        before = await runtime.fingerprint()
        runtime.reboot()
        assert [state.reason for state in await runtime.list()] == [ExitReason.REBOOT, ExitReason.COMPLETED]
        assert (await runtime.fingerprint()).boot_id != before.boot_id

    run_virtual(scenario())


@pytest.mark.parametrize("words", ["--unknown 1", "--code", "--fail-start NOTHING", "--exit-after soon"])
def test_a_bad_script_does_not_start(words: str) -> None:
    async def scenario() -> None:
        with pytest.raises(StartFailed):
            await FakeRuntime().start(spec("a", "fake", *words.split()))

    run_virtual(scenario())


def test_other_commands_just_run() -> None:
    assert FakeBehaviour.of(("nginx", "--exit-after", "1")) == FakeBehaviour()
