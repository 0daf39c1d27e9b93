"""The promises of the abilities that probes and hooks stand on: `Executes` and `KillsLater`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from node_agent.runtime.abilities import Executed, Executes, KillsLater
from node_agent.runtime.conformance.rig import Rig, RuntimeSuite
from node_agent.runtime.port import NoSuchContainer, StartFailed


@pytest.mark.asyncio
class CommandsConformance(RuntimeSuite):
    """For drivers that run real programs and have both abilities."""

    async def _execute(self, rig: Rig, script: str, timeout_s: float | None = None, **env: str) -> Executed:
        assert isinstance(rig.runtime, Executes)
        variables = {"PATH": os.environ["PATH"], **env}
        return await rig.runtime.execute(
            "u.a.0", ("/bin/sh", "-c", script), env=variables, working_dir=Path("/"), timeout_s=timeout_s
        )

    async def test_a_command_tells_how_it_ended(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "exec sleep 100")
        assert await self._execute(rig, "pwd; echo $WHO >&2; exit 3", WHO="me") == Executed(3, b"/\nme\n")
        assert (await rig.state("u.a.0")).running

    async def test_a_command_that_takes_too_long_is_killed(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "exec sleep 100")
        assert await self._execute(rig, "echo early; sleep 100", 0.3) == Executed(137, b"early\n", timed_out=True)

    async def test_a_command_ends_with_its_container(self, rig: Rig, tmp_path: Path) -> None:
        await rig.start_shell("u.a.0", "exec sleep 100")
        command = asyncio.ensure_future(self._execute(rig, f"touch {tmp_path}/begun; sleep 100"))
        await rig.until((tmp_path / "begun").exists, "the command has begun")
        await rig.runtime.stop("u.a.0", grace_s=5)
        assert (await command).exit_code == 137

    async def test_no_command_without_a_program_or_a_container(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "exec sleep 100")
        assert isinstance(rig.runtime, Executes)
        with pytest.raises(StartFailed):
            await rig.runtime.execute("u.a.0", ("/no/such",), env={}, working_dir=None)
        await rig.runtime.stop("u.a.0", grace_s=5)
        with pytest.raises(NoSuchContainer):
            await self._execute(rig, "true")

    async def test_a_later_kill_is_kept_while_the_agent_is_away(self, rig: Rig) -> None:
        await rig.started_stubborn("u.a.0")
        assert isinstance(rig.runtime, KillsLater)
        await rig.runtime.kill_after("u.a.0", 0.3)
        await rig.restart_agent()
        ended = await rig.ended("u.a.0")
        assert ended.exit_code == 137
