"""The promises of the abilities `Attaches` and `TellsProcesses`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from node_agent.runtime.abilities import Attaches, Attachment, Printed, TellsProcesses
from node_agent.runtime.conformance.rig import Rig, RuntimeSuite
from node_agent.runtime.port import ContainerState, NoSuchContainer, RuntimeUnavailable, StdinNotOpen


@pytest.mark.asyncio
class AttachConformance(RuntimeSuite):
    """For drivers with the ability `Attaches`, whether their programs print or not."""

    async def test_the_end_is_told_to_everyone_attached(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        async with attached(rig, stdin=False) as one, attached(rig, stdin=False) as other:
            await rig.runtime.stop("u.a.0", grace_s=5)
            for heard in (one, other):
                assert (await asyncio.wait_for(heard, 10))[1].exit_code == 143

    async def test_only_who_was_started_with_stdin_can_be_written_to(self, rig: Rig) -> None:
        assert isinstance(rig.runtime, Attaches)
        await rig.start("u.a.0", rig.programs.runs)
        with pytest.raises(StdinNotOpen):
            await rig.runtime.attach("u.a.0", stdin=True)
        await rig.start("u.b.0", rig.programs.runs, stdin=True)
        for _ in range(2):
            await (await rig.runtime.attach("u.b.0", stdin=True)).close()

    async def test_stdin_once_is_over_with_the_first_writer(self, rig: Rig) -> None:
        assert isinstance(rig.runtime, Attaches)
        await rig.start("u.a.0", rig.programs.runs, stdin=True, stdin_once=True)
        await (await rig.runtime.attach("u.a.0", stdin=False)).close()
        line = await rig.runtime.attach("u.a.0", stdin=True)
        await line.end_input()
        refusal: StdinNotOpen = await rig.until(partial(refused, rig), "stdin has ended")
        assert "stdin" in str(refusal)
        await line.close()

    async def test_whoever_listens_to_a_line_that_is_closed_learns_it(self, rig: Rig) -> None:
        await rig.start("u.a.0", rig.programs.runs)
        async with attached(rig, stdin=False) as heard:
            await heard.line.close()
            with pytest.raises(RuntimeUnavailable):
                await asyncio.wait_for(heard, 10)

    async def test_nobody_attaches_to_what_does_not_run(self, rig: Rig) -> None:
        assert isinstance(rig.runtime, Attaches)
        await rig.start("u.a.0", rig.programs.succeeds)
        await rig.ended("u.a.0")
        for container_id in ("u.a.0", "u.b.0"):
            with pytest.raises(NoSuchContainer):
                await rig.runtime.attach(container_id, stdin=False)


@pytest.mark.asyncio
class TerminalConformance(RuntimeSuite):
    """For drivers with the ability `Attaches` whose programs are real; needs a shell on the driver's machine."""

    async def test_a_program_hears_its_client_and_is_heard(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "read line; echo got $line; read rest || exit 3", stdin=True, stdin_once=True)
        async with attached(rig, stdin=True) as heard:
            await heard.line.write(b"words\n")
            await heard.line.end_input()
            shown, end = await asyncio.wait_for(heard, 10)
        assert (shown, end.exit_code) == (b"got words\n", 3)

    async def test_a_client_that_still_writes_hears_the_end(self, rig: Rig) -> None:
        await rig.start_shell("u.a.0", "read line; exit 3", stdin=True)
        async with attached(rig, stdin=True) as heard:
            writing = asyncio.ensure_future(heard.line.write(b"words\n" + bytes(4_000_000)))
            _, end = await asyncio.wait_for(heard, 10)
        await asyncio.wait_for(writing, 10)
        assert end.exit_code == 3

    async def test_a_terminal_has_a_size_and_outlives_the_agent(self, rig: Rig) -> None:
        script = "while read line; do [ -t 1 ] && echo $line-$(stty size | tr ' ' x); done"
        await rig.start_shell("u.a.0", script, stdin=True, tty=True)
        await rig.restart_agent()
        async with attached(rig, stdin=True) as heard:
            await heard.line.resize(101, 33)
            await heard.line.write(b"words\n")
            await rig.until(lambda: b"words-33x101\r\n" in heard.shown, "the terminal has the new size")
            await rig.runtime.stop("u.a.0", grace_s=0)
            await asyncio.wait_for(heard, 10)


@pytest.mark.asyncio
class ProcessesConformance(RuntimeSuite):
    """For drivers with the ability `TellsProcesses`."""

    async def test_processes_are_told_while_there_are_some(self, rig: Rig) -> None:
        assert isinstance(rig.runtime, TellsProcesses)
        began = await rig.start("u.a.0", rig.programs.runs)
        (told,) = await rig.runtime.processes("u.a.0")
        assert (told.pid, told.command) == (began.pid, rig.programs.runs)
        assert abs(told.started_at_s - began.started_at_s) < 5
        await rig.runtime.stop("u.a.0", grace_s=5)
        with pytest.raises(NoSuchContainer):
            await rig.runtime.processes("u.a.0")


class Heard:
    """Somebody who is attached: what has shown so far, and, awaited, all of it with the end."""

    def __init__(self, line: Attachment) -> None:
        self.line = line
        self.shown = b""
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> tuple[bytes, ContainerState]:
        async for each in self.line.heard():
            if isinstance(each, Printed):
                self.shown += each.data
            elif isinstance(each, ContainerState):
                return self.shown, each
        raise AssertionError("it ended without telling how")

    def __await__(self):  # type: ignore[no-untyped-def]
        return self._listening.__await__()


@asynccontextmanager
async def attached(rig: Rig, *, stdin: bool) -> AsyncIterator[Heard]:
    """A client of container `u.a.0`."""
    assert isinstance(rig.runtime, Attaches)
    line = await rig.runtime.attach("u.a.0", stdin=stdin)
    yield Heard(line)
    await line.close()


async def refused(rig: Rig) -> StdinNotOpen | None:
    """Why nobody can write to container `u.a.0` any more; None while somebody can."""
    assert isinstance(rig.runtime, Attaches)
    try:
        line = await rig.runtime.attach("u.a.0", stdin=True)
    except StdinNotOpen as refusal:
        return refusal
    await line.close()
    return None
