"""A program's own stdin and terminal, and clients that are attached to it, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node_agent.runtime.abilities import Missed, Printed
from node_agent.runtime.attachment import ProcessAttachment
from node_agent.runtime.port import ContainerState, NoSuchContainer, RuntimeUnavailable, StdinNotOpen
from tests.supervisor.rig import Rig, alive
from tests.waiting import eventually

OPEN, ONCE = {"stdin": True}, {"stdin": True, "once": True}
TERMINAL = {"stdin": True, "tty": True}


class Client:
    """Somebody who is attached, and what he has heard."""

    def __init__(self, attachment: ProcessAttachment) -> None:
        self.line = attachment
        self.seen = b""
        self.missed_bytes = 0
        self.end: ContainerState | None = None
        self.problem: Exception | None = None

    async def listen(self) -> None:
        try:
            async for each in self.line.heard():
                match each:
                    case Printed(_, data):
                        self.seen += data
                    case Missed(count_bytes):
                        self.missed_bytes += count_bytes
                    case ContainerState():
                        self.end = each
        except RuntimeUnavailable as problem:
            self.problem = problem

    async def sees(self, text: bytes) -> None:
        await eventually(lambda: text in self.seen, what=f"{text!r} is seen", every_s=0.005)

    async def hears_the_end(self) -> ContainerState:
        end = await eventually(lambda: self.end, what="the end is told")
        assert end is not None
        return end


@asynccontextmanager
async def attached(rig: Rig, *, stdin: bool = True) -> AsyncIterator[Client]:
    client = Client(await ProcessAttachment.open(rig.place.socket_path, "a", 5, stdin=stdin))
    listening = asyncio.create_task(client.listen())
    yield client
    await client.line.close()
    await listening


async def test_without_stdin_reads_end_at_once(rig: Rig) -> None:
    await rig.start_shell("a", "cat; echo over")
    await rig.ended("a")
    assert rig.text("a") == ["over"]


async def test_everyone_attached_hears_the_program_and_its_end(rig: Rig) -> None:
    await rig.start_shell("a", "read line; echo got $line; printf half >&2; read line; exit 3", stdio=OPEN)
    async with attached(rig) as one, attached(rig, stdin=False) as other:
        await one.line.write(b"words\n")
        for client in (one, other):
            await client.sees(b"got words\nhalf")
        await one.line.write(b"\n")
        for client in (one, other):
            assert (await client.hears_the_end()).exit_code == 3
    assert sorted(rig.text("a")) == ["got words", "half"]


async def test_stdin_stays_open_from_one_client_to_the_next(rig: Rig) -> None:
    await rig.start("a", "cat", stdio=OPEN)
    for words in (b"one\n", b"two\n"):
        async with attached(rig) as client:
            await client.line.write(words)
            await client.line.end_input()
            await client.sees(words)
    assert (await rig.listed("a"))["phase"] == "Running"


@pytest.mark.parametrize("politely", [True, False], ids=["said", "vanished"])
async def test_stdin_that_ends_once_ends_with_its_first_writer(rig: Rig, politely: bool) -> None:
    await rig.start_shell("a", "cat; echo over; sleep 100", stdio=ONCE)
    async with attached(rig, stdin=False), attached(rig) as client:
        await client.line.write(b"words\n")
        await client.sees(b"words\n")
        if politely:
            await client.line.end_input()
            await client.sees(b"over\n")
    await eventually(lambda: rig.text("a") == ["words", "over"])
    with pytest.raises(StdinNotOpen):
        await ProcessAttachment.open(rig.place.socket_path, "a", 5, stdin=True)


async def test_much_input_arrives_whole_however_slowly_it_is_read(rig: Rig) -> None:
    await rig.start_shell("a", "sleep 0.2; cksum", stdio=ONCE)
    sent = os.urandom(1_500_000)
    async with attached(rig) as client:
        await client.line.write(sent)
        await client.line.end_input()
        assert (await client.hears_the_end()).exit_code == 0
    assert rig.text("a")[0].split()[1] == str(len(sent))


async def test_what_nobody_reads_any_more_falls(rig: Rig) -> None:
    await rig.start_shell("a", "exec <&-; echo closed; sleep 100", stdio=OPEN)
    await eventually(lambda: rig.text("a") == ["closed"])
    async with attached(rig) as client:
        await client.line.write(bytes(500_000))
        await rig.call("signal", container="a", signal=15)
        await client.hears_the_end()


async def test_a_client_that_does_not_listen_holds_nobody_up_and_learns_what_it_missed(rig: Rig) -> None:
    await rig.start_shell("a", "read go; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done; read go", stdio=OPEN)
    deaf = await ProcessAttachment.open(rig.place.socket_path, "a", 5, stdin=True)
    await deaf.write(b"\n")
    await eventually(lambda: rig.text("a")[-1:] == ["done"], what="the program went on")
    client = Client(deaf)
    listening = asyncio.create_task(client.listen())
    await eventually(lambda: client.missed_bytes)
    assert len(client.seen) + client.missed_bytes == 3_000_000 + len("\ndone\n")
    await deaf.write(b"\n")
    await client.hears_the_end()
    await deaf.close()
    await listening


async def test_a_terminal_is_one(rig: Rig) -> None:
    await rig.start_shell("a", "tty; stty size; trap 'stty size' WINCH; while :; do read x && echo got $x; done",
                          stdio=TERMINAL)  # fmt: skip
    await eventually(lambda: rig.text("a")[1:] == ["24 80"])
    async with attached(rig) as client:
        await client.line.write(b"words\n")
        await client.sees(b"words\r\ngot words\r\n")
        await client.line.resize(101, 33)
        await client.sees(b"33 101")
        await client.line.write(b"\x03")
        assert (await client.hears_the_end()).exit_code == 130
    assert rig.text("a")[0].startswith("/dev/pts/")


@pytest.mark.parametrize("stdio", [OPEN, ONCE, TERMINAL], ids=["stdin", "stdin-once", "terminal"])
async def test_stdin_and_terminal_survive_agent_and_supervisor(rig: Rig, stdio: dict[str, bool]) -> None:
    pid = (await rig.start_shell("a", "while read x; do echo got $x; done; echo over; exit 4", stdio=stdio))["pid"]
    async with attached(rig, stdin=False) as client:
        await rig.kill()
        await eventually(lambda: client.problem, what="the attached client is told")
    await rig.attach()
    assert (await rig.listed("a"))["pid"] == pid
    async with attached(rig) as client:
        await client.line.write(b"words\n")
        await client.sees(b"got words")
        await client.line.end_input()
        if stdio != ONCE:
            await rig.call("stop", container="a", grace_s=0)
        await client.hears_the_end()
    echoed, last = ["words"] * (stdio == TERMINAL), ["over"] * (stdio == ONCE)
    assert rig.text("a") == [*echoed, "got words", *last]


async def test_what_ended_once_stays_ended_for_the_next_supervisor(rig: Rig) -> None:
    await rig.start_shell("a", "cat; echo over; sleep 100", stdio=ONCE)
    async with attached(rig) as client:
        await client.line.end_input()
        await client.sees(b"over")
    await rig.kill()
    await rig.attach()
    with pytest.raises(StdinNotOpen):
        await ProcessAttachment.open(rig.place.socket_path, "a", 5, stdin=True)


HELD_WITH_ONE = 3 + 2 + 1
"""What the holder has open: the standard streams, where it listens, the line to the supervisor, and what it holds."""


def descriptors(pid: int) -> int:
    """How many descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


def holder_of(rig: Rig) -> int:
    """The process that holds descriptors: a child of the supervisor that runs the same program."""
    own = Path(f"/proc/{rig.pid}/cmdline").read_bytes()
    children = Path(f"/proc/{rig.pid}/task/{rig.pid}/children").read_text().split()
    return next((int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() == own), 0)


async def test_a_holder_that_is_killed_is_replaced(rig: Rig) -> None:
    pid = (await rig.start("a", "cat", stdio=TERMINAL))["pid"]
    first = holder_of(rig)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: holder_of(rig) not in (0, first) and descriptors(holder_of(rig)) == HELD_WITH_ONE)
    await rig.kill()
    await rig.attach()
    assert (await rig.listed("a"))["pid"] == pid and (await rig.listed("a"))["phase"] == "Running"


async def test_a_program_that_lost_its_terminal_is_ended_even_if_it_ignores_that(rig: Rig) -> None:
    await rig.start_shell("a", "trap '' HUP TERM; echo ready; while :; do sleep 1; done", stdio=TERMINAL)
    await eventually(lambda: rig.text("a"))
    os.kill(rig.pid, signal.SIGSTOP)
    os.kill(holder_of(rig), signal.SIGKILL)
    await rig.kill()
    await rig.attach()
    ended = await rig.ended("a")
    assert ended["exit_code"] in (137, None) and not alive(ended["pid"])


async def test_nothing_is_left_of_them(rig: Rig) -> None:
    await rig.start("b", "sleep", "100")
    before = descriptors(rig.pid)
    for stdio in (OPEN, ONCE, TERMINAL):
        await rig.start("a", "cat", stdio=stdio)
        async with attached(rig) as client:
            await client.line.write(b"\n")
            await client.sees(b"\n")
            await rig.call("remove", container="a")
            await client.hears_the_end()
    holder = holder_of(rig)
    assert holder
    await eventually(lambda: descriptors(rig.pid) == before + 1, what="nothing is left but the line to the holder")
    await eventually(lambda: descriptors(holder) == HELD_WITH_ONE - 1)
    await rig.call("shutdown", stop_containers=True)
    await eventually(lambda: not alive(holder), what="the holder leaves with the last supervisor")


async def test_only_running_containers_can_be_attached_to(rig: Rig) -> None:
    await rig.start("a", "true")
    await rig.ended("a")
    with pytest.raises(NoSuchContainer):
        await ProcessAttachment.open(rig.place.socket_path, "a", 5, stdin=False)
    refusal = await rig.refusal("b", "true", stdio={"stdin": "yes"})
    assert "stdio must have true or false" in str(refusal)
