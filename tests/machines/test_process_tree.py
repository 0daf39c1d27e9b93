"""A process tree: nothing escapes it, and it dies with its owner."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.local.errors import LocalError
from setpoint.local.process_tree import ProcessTree
from tests.waiting import eventually

DAEMON = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        print(os.getpid(), flush=True)\n"
    "        time.sleep(300)\n"
    "    os._exit(0)\n"
)
"""Forks twice, opens a session of its own and prints its id: what `setsid`, `nohup` and old-style daemons do."""


def state_of(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None


async def test_a_programs_exit_status_and_output_are_kept(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        program = await tree.start(["/bin/sh", "-c", "echo $WORD; exit 7"], env={"WORD": "hello"}, log=tmp_path / "log")
        assert await program.wait() == 7
        assert program.returncode == 7
    assert (tmp_path / "log").read_text() == "hello\n"


async def test_many_programs_end_at_once(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        programs = [await tree.start(["/bin/true"], log=tmp_path / "log") for _ in range(50)]
        assert [await program.wait() for program in programs] == [0] * 50


async def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        with pytest.raises(LocalError, match="No such file or directory"):
            await tree.start(["/no/such/program"], log=tmp_path / "log")
        assert await tree.processes() == ()


async def test_stop_kills_what_ignores_the_request(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        program = await tree.start(
            ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], log=tmp_path / "log"
        )
        await eventually(lambda: (tmp_path / "log").read_text() == "ready\n")
        assert await program.stop(0.1) == -signal.SIGKILL


async def test_kill_all_reaches_daemons_that_left_their_session(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        parent = await tree.start([sys.executable, "-I", "-S", "-c", DAEMON], log=tmp_path / "log")
        assert await parent.wait() == 0
        printed = await eventually(lambda: (tmp_path / "log").read_text().strip())
        daemon = int(printed)
        await eventually(lambda: only_living(tree, daemon))
        assert await tree.kill_all() == (daemon,)
        assert await tree.processes() == ()
        assert state_of(daemon) is None


async def test_freeze_stops_all_and_thaw_lets_all_go_on(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        await tree.start(["/bin/sh", "-c", "sleep 300 & sleep 300"], log=tmp_path / "log")
        pids = await eventually(lambda: living(tree, 3))
        assert set(await tree.freeze()) == set(pids)
        await eventually(lambda: {state_of(pid) for pid in pids} == {"T"})
        await tree.thaw()
        await eventually(lambda: {state_of(pid) for pid in pids} == {"S"})


async def only_living(tree: ProcessTree, pid: int) -> bool:
    return await tree.processes() == (pid,)


async def living(tree: ProcessTree, count: int) -> tuple[int, ...] | None:
    pids = await tree.processes()
    return pids if len(pids) == count else None


async def test_kill_all_reaches_the_frozen(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        program = await tree.start(["/bin/sleep", "300"], log=tmp_path / "log")
        await tree.freeze()
        assert await tree.kill_all() == (program.pid,)
        assert await program.wait() == -signal.SIGKILL


async def test_close_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    tree = await ProcessTree.open()
    program = await tree.start(["/bin/sleep", "300"], log=tmp_path / "log")
    await tree.close()
    await tree.close()
    assert state_of(program.pid) is None
    with pytest.raises(LocalError, match="the process tree is gone"):
        await tree.processes()


async def test_the_tree_dies_with_its_killed_owner(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from setpoint.local.process_tree import ProcessTree\n"
        "async def main():\n"
        "    tree = await ProcessTree.open()\n"
        "    child = await tree.start(['/bin/sleep', '300'], log=pathlib.Path('/dev/null'))\n"
        "    print(tree.pid, child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pids = [int(word) for word in (await owner.stdout.readline()).split()]
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    await eventually(lambda: all(state_of(pid) in (None, "Z") for pid in pids))


async def test_programs_die_with_a_killed_init(tmp_path: Path) -> None:
    async with await ProcessTree.open() as tree:
        program = await tree.start(["/bin/sleep", "300"], log=tmp_path / "log")
        os.kill(tree.pid, signal.SIGKILL)
        assert await program.wait() == -signal.SIGKILL
        await eventually(lambda: state_of(program.pid) in (None, "Z"))
