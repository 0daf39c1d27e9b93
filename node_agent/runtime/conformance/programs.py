"""What drivers owe that run real programs: their surroundings, their output, their limits, and all they forked."""

import errno
import os
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from node_agent.runtime.conformance.rig import Rig, RuntimeSuite
from node_agent.runtime.logs import log_files
from node_agent.runtime.port import ExitReason, Limits, LogPolicy, StartFailed

_GREEDY = "b = []\nwhile True: b.append(bytearray(1024 * 1024))"


@pytest.mark.asyncio
class ProgramConformance(RuntimeSuite):
    """For drivers with real programs whose output is kept; needs a shell on the driver's machine."""

    async def test_the_environment_is_the_given_one(self, rig: Rig) -> None:
        os.environ["SETPOINT_CONFORMANCE_STRAY"] = "of the agent"
        await rig.start("u.a.0", ("env",), env={**rig.env, "GREETING": "hello world"})
        await rig.ended("u.a.0")
        del os.environ["SETPOINT_CONFORMANCE_STRAY"]
        printed = {line.content.decode().partition("=")[0]: line.content.decode() for line in rig.lines("u.a.0")}
        assert printed["GREETING"] == "GREETING=hello world"
        assert printed["SETPOINT_CONTAINER_ID"] == "SETPOINT_CONTAINER_ID=u.a.0"
        assert "SETPOINT_CONFORMANCE_STRAY" not in printed

    async def test_the_working_directory_is_entered(self, rig: Rig, tmp_path: Path) -> None:
        await rig.start("u.a.0", ("pwd",), working_dir=tmp_path)
        await rig.ended("u.a.0")
        assert [line.content.decode() for line in rig.lines("u.a.0")] == [str(tmp_path)]

    async def test_a_missing_working_directory_is_a_start_error(self, rig: Rig, tmp_path: Path) -> None:
        with pytest.raises(StartFailed, match="nowhere") as failure:
            await rig.start("u.a.0", ("pwd",), working_dir=tmp_path / "nowhere")
        assert failure.value.errno == errno.ENOENT

    async def test_a_file_that_is_no_program_is_a_start_error(self, rig: Rig, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("no program")
        with pytest.raises(StartFailed, match="text") as failure:
            await rig.start("u.a.0", (str(tmp_path / "text"),))
        assert failure.value.errno == errno.EACCES

    async def test_both_streams_are_kept_to_the_last_byte(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "echo out; echo err >&2; printf tail")
        await rig.ended("u.a.0")
        assert sorted((line.stream, line.content) for line in rig.lines("u.a.0")) == [
            ("stderr", b"err"), ("stdout", b"out"), ("stdout", b"tail"),
        ]  # fmt: skip

    async def test_a_long_line_comes_back_whole(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "head -c 100000 /dev/zero | tr '\\0' x; echo end")
        await rig.ended("u.a.0")
        assert rig.lines("u.a.0")[0].content == b"x" * 100000 + b"end"

    async def test_output_is_rotated(self, rig: Rig) -> None:
        path = rig.log_path("u.a.0")
        await rig.start("u.a.0", ("seq", "5000"), log=LogPolicy(path, max_bytes=10_000, max_files=3))
        await rig.ended("u.a.0")
        kept = [int(line.content) for line in rig.lines("u.a.0")]
        assert kept == list(range(5001 - len(kept), 5001)), "the newest lines are kept, in order"
        files = log_files(path)
        assert len(files) == 3
        assert max(file.stat().st_size for file in files) <= 10_000

    async def test_output_goes_on_while_the_agent_is_away(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "while :; do echo line; sleep 0.05; done")
        await rig.runtime.close()
        before = len(rig.lines("u.a.0"))
        await rig.until(lambda: len(rig.lines("u.a.0")) > before + 2, "more was printed")
        await rig.open()
        assert (await rig.state("u.a.0")).running

    async def test_remove_deletes_the_output(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "echo hello")
        await rig.ended("u.a.0")
        await rig.runtime.remove("u.a.0")
        assert log_files(rig.log_path("u.a.0")) == ()


@pytest.mark.asyncio
class TreeKillConformance(RuntimeSuite):
    """For the ability `tree-kill`: nothing that a container forked outlives it. Skipped where the machine lacks it."""

    @pytest_asyncio.fixture(autouse=True)
    async def _able(self, rig: Rig) -> None:
        await _require(rig, "tree-kill")

    @pytest.mark.parametrize("ending", ["exit 0", "exec sleep 100"])
    async def test_what_it_left_behind_ends_with_it(self, rig: Rig, tmp_path: Path, ending: str) -> None:
        pid_file = tmp_path / "pid"
        daemon = f"setsid sh -c 'trap \"\" TERM; echo $$ > {pid_file}; while :; do sleep 0.05; done' &"
        await rig.start_shell("u.a.0", f"{daemon} while [ ! -s {pid_file} ]; do sleep 0.02; done; {ending}")
        pid = await rig.until(lambda: _number(pid_file), "the daemon has begun")
        await rig.runtime.stop("u.a.0", grace_s=0.5)
        await rig.until(lambda: not _alive(pid), "the daemon has ended")


@pytest.mark.asyncio
class LimitsConformance(RuntimeSuite):
    """For the abilities `memory` and `pids`: the kernel keeps the limits. Skipped where the machine lacks them."""

    @pytest_asyncio.fixture(autouse=True)
    async def _able(self, rig: Rig) -> None:
        await _require(rig, "memory", "pids")

    async def test_a_program_beyond_its_memory_is_killed_and_told(self, rig: Rig) -> None:
        limits = Limits(memory_bytes=40 * 1024 * 1024)
        await rig.start("u.a.0", (sys.executable, "-c", _GREEDY), limits=limits)
        ended = await rig.ended("u.a.0")
        assert (ended.exit_code, ended.oom_killed, ended.reason) == (137, True, ExitReason.OOM_KILLED)

    async def test_no_more_processes_than_allowed(self, rig: Rig) -> None:
        script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo all"
        await rig.start_shell("u.a.0", script, limits=Limits(pids=4))
        await rig.ended("u.a.0")
        assert b"all" not in [line.content for line in rig.lines("u.a.0") if line.stream == "stdout"]


async def _require(rig: Rig, *abilities: str) -> None:
    """Skips the test where the driver says why this machine lacks an ability; one that does not say has to have it."""
    fingerprint = await rig.runtime.fingerprint()
    for ability in abilities:
        if ability in fingerprint.missing:
            pytest.skip(f"no {ability} here: {fingerprint.missing[ability]}")
        assert ability in fingerprint.abilities, f"the fingerprint neither has {ability} nor says why it is missing"


def _number(file: Path) -> int:
    """The number in a file; 0 until there is one."""
    text = file.read_text().strip() if file.exists() else ""
    return int(text) if text else 0


def _alive(pid: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
