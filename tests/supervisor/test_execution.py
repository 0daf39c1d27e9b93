"""Commands beside a container's program, with real processes: in its control group, bounded, and gone with it."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from node_agent.supervisor.client import SupervisorClient, SupervisorRefused
from tests.supervisor.rig import PATH, Rig, alive
from tests.waiting import eventually


async def execute(rig: Rig, *argv: str, **more: object) -> dict[str, object]:
    message: dict[str, object] = {"env": {"PATH": PATH}, "output_bytes_max": 100, **more}
    return await rig.call("execute", container="a", argv=list(argv), **message)


async def test_a_command_tells_how_it_ended_and_what_it_printed(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    ended = await execute(rig, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert ended == {"exit_code": 3, "output": "out\nerr\n", "timed_out": False}
    killed = await execute(rig, "sh", "-c", "kill -9 $$")
    assert killed["exit_code"] == 137


async def test_it_has_the_given_surroundings(rig: Rig, tmp_path: Path) -> None:
    await rig.start("a", "sleep", "100")
    ended = await execute(rig, "sh", "-c", "pwd; echo $GREETING", env={"PATH": PATH, "GREETING": "hi"},
                          working_dir=str(tmp_path))  # fmt: skip
    assert ended["output"] == f"{tmp_path}\nhi\n"


async def test_it_counts_among_the_containers_processes(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100")
    ended = await execute(grouped, "cat", "/proc/self/cgroup", output_bytes_max=10_000)
    assert "workloads/a" in str(ended["output"])


async def test_no_more_output_is_kept_than_was_asked_for(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    ended = await execute(rig, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert (ended["exit_code"], len(str(ended["output"]))) == (0, 100)


async def test_it_is_killed_when_its_time_is_over_with_what_it_started(rig: Rig, tmp_path: Path) -> None:
    await rig.start("a", "sleep", "100")
    note = tmp_path / "pid"
    ended = await execute(rig, "sh", "-c", f"echo early; sleep 99 & echo $! > {note}; wait", timeout_s=1)
    assert ended == {"exit_code": 137, "output": "early\n", "timed_out": True}
    await eventually(lambda: not alive(int(note.read_text())))
    assert (await rig.listed("a"))["phase"] == "Running"


async def test_it_ends_with_its_container(rig: Rig, tmp_path: Path) -> None:
    await rig.start("a", "sleep", "100")
    command = asyncio.ensure_future(execute(rig, "sh", "-c", f"touch {tmp_path}/begun; sleep 99"))
    await eventually((tmp_path / "begun").exists)
    await rig.call("stop", container="a", grace_s=5)
    assert (await command)["exit_code"] == 137


async def test_what_cannot_be_executed_says_why(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    with pytest.raises(SupervisorRefused, match="cannot execute '/no/such'") as failure:
        await execute(rig, "/no/such")
    assert failure.value.kind == "start_failed"
    await rig.call("stop", container="a", grace_s=5)
    for container in ("a", "b"):
        with pytest.raises(SupervisorRefused) as failure:
            await rig.call("execute", container=container, argv=["true"])
        assert failure.value.kind == "no_such_container"


async def test_hundreds_leave_no_descriptor_and_no_zombie(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100")
    await execute(grouped, "true")
    before = len(os.listdir(f"/proc/{grouped.pid}/fd"))  # noqa: PTH208
    for _ in range(10):
        await asyncio.gather(*(execute(grouped, "true") for _ in range(20)))
    assert len(os.listdir(f"/proc/{grouped.pid}/fd")) == before  # noqa: PTH208
    children = Path(f"/proc/{grouped.pid}/task/{grouped.pid}/children").read_text().split()
    assert len(children) == 1


async def test_a_container_is_killed_when_its_time_is_over_and_told_nothing_before(rig: Rig) -> None:
    await rig.start_shell("a", "trap 'echo told; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: "ready" in rig.text("a"))
    await rig.call("kill_after", container="a", grace_s=0.5)
    await rig.detach()
    await rig.attach()
    ended = await rig.ended("a")
    assert (ended["exit_code"], rig.text("a")) == (137, ["ready"])


async def test_a_stop_after_that_is_gentle_and_keeps_the_time(rig: Rig) -> None:
    await rig.start_shell("a", "trap 'echo told' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: "ready" in rig.text("a"))
    await rig.call("kill_after", container="a", grace_s=1)
    stopped = await rig.call("stop", container="a", grace_s=60)
    assert stopped["exit_code"] == 137 and "told" in rig.text("a")


def pipes() -> tuple[dict[str, object], int, int]:
    """The files of a command, with our ends of its input and its output."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    path = f"/proc/{os.getpid()}/fd"
    files = {"stdin": f"{path}/{theirs_in}", "stdout": f"{path}/{theirs_out}", "stderr": f"{path}/{theirs_out}"}
    return files, ours_in, ours_out


async def test_with_files_of_the_asker_it_reads_and_writes_those(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    files, ours_in, ours_out = pipes()
    os.write(ours_in, b"something\n")
    os.close(ours_in)
    ended = await execute(rig, "sh", "-c", "read word; echo got $word; echo err >&2", files=files)
    assert (ended["exit_code"], ended["output"]) == (0, "")
    assert os.read(ours_out, 100) == b"got something\nerr\n"


async def test_with_a_terminal_it_is_the_leader_of_the_terminals_session(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    ours, theirs = os.openpty()
    path = os.ttyname(theirs)
    files = {"stdin": path, "stdout": path, "stderr": path, "terminal": True}
    await execute(rig, "sh", "-c", "tty; echo > /dev/tty controlled", files=files)
    assert os.read(ours, 100) == f"{path}\r\ncontrolled\r\n".encode()


async def test_with_files_it_ends_with_the_connection_that_asked_and_with_its_session(rig: Rig, tmp_path: Path) -> None:
    await rig.start("a", "sleep", "100")
    note = tmp_path / "pids"
    files, _, _ = pipes()
    client = await SupervisorClient.connect(rig.place.socket_path)
    words = ["sh", "-c", f"set -m; nohup sleep 98 & echo $! > {note}; echo $$ >> {note}; sleep 99"]
    call = client.call("execute", container="a", argv=words, env={"PATH": PATH}, files=files)
    command = asyncio.ensure_future(call)
    pids = await eventually(lambda: note.exists() and len(note.read_text().split()) == 2 and note.read_text().split())
    await client.close()
    await asyncio.gather(command, return_exceptions=True)
    await eventually(lambda: not any(alive(int(pid)) for pid in pids))
    assert (await rig.listed("a"))["phase"] == "Running"


async def test_files_are_paths(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")
    with pytest.raises(SupervisorRefused, match="files must have the absolute paths"):
        await execute(rig, "true", files={"stdin": "x"})


async def test_a_device_that_a_command_writes_to_stays_its_owners(rig: Rig, tmp_path: Path) -> None:
    null = tmp_path / "null"
    os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    null.chmod(0o666)
    await rig.start("a", "sleep", "100", security={"uid": 65534, "gid": 65534})
    files = {"stdin": "/dev/null", "stdout": str(null), "stderr": str(null), "terminal": False}
    ended = await execute(rig, "true", files=files)
    assert (ended["exit_code"], null.stat().st_uid) == (0, os.geteuid())
