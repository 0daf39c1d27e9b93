"""How containers begin and end, with real processes."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.supervisor.client import SOURCE_ROOT, SupervisorClient, SupervisorRefused
from tests.supervisor.rig import Rig, alive, entries
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("script", "exit_code", "number", "reason"),
    [
        pytest.param("exit 0", 0, None, "Completed", id="success"),
        pytest.param("exit 3", 3, None, "Error", id="exit code"),
        pytest.param("kill -9 $$", 137, 9, "Error", id="killed by itself"),
        pytest.param("kill -SEGV $$", 139, 11, "Error", id="segmentation fault"),
    ],
)
async def test_the_outcome_is_told(grouped: Rig, script: str, exit_code: int, number: int | None, reason: str) -> None:
    await grouped.start_shell("a", script)
    ended = await grouped.ended("a")
    assert (ended["exit_code"], ended["signal"], ended["reason"]) == (exit_code, number, reason)
    assert ended["oom_killed"] is False
    assert ended["started_at_s"] <= ended["finished_at_s"]


async def test_watchers_hear_of_beginning_and_end(grouped: Rig) -> None:
    await grouped.start_shell("a", "exit 3", annotations={"pod": "web"})
    await eventually(lambda: len(grouped.changes) == 2)
    assert [change["phase"] for change in grouped.changes] == ["Running", "Exited"]
    assert grouped.changes[1]["annotations"] == {"pod": "web"}


async def test_a_known_id_is_never_started_again(grouped: Rig) -> None:
    first = await grouped.start("a", "sleep", "100")
    assert (await grouped.start("a", "sleep", "100"))["pid"] == first["pid"]
    await grouped.call("stop", container="a", grace_s=5)
    again = await grouped.start("a", "sleep", "100")
    assert (again["phase"], again["pid"]) == ("Exited", first["pid"])


async def test_two_starts_at_once_are_one(grouped: Rig) -> None:
    one, other = await asyncio.gather(grouped.start("a", "sleep", "100"), grouped.start("a", "sleep", "100"))
    assert one["pid"] == other["pid"]


async def test_the_environment_is_the_given_one(grouped: Rig) -> None:
    await grouped.start("a", "env", env={"PATH": "/usr/bin:/bin", "GREETING": "hällo\nworld"})
    await grouped.ended("a")
    assert sorted(grouped.text("a")) == [
        "GREETING=hällo", "PATH=/usr/bin:/bin", "SETPOINT_CONTAINER_ID=a", "world",
    ]  # fmt: skip


async def test_a_process_has_its_own_session_and_only_three_descriptors(rig: Rig) -> None:
    state = await rig.start("a", "sleep", "100")
    pid = state["pid"]
    assert os.getsid(pid) == os.getpgid(pid) == pid
    # The program's own loader holds a fourth for an instant, while it reads the C library.
    await eventually(lambda: entries(f"/proc/{pid}/fd") == ["0", "1", "2"])
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")


async def test_signals_have_their_defaults_and_none_is_blocked(grouped: Rig) -> None:
    pid = (await grouped.start("a", "sleep", "100"))["pid"]
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    ours = ~(0b11 << 31)  # Signals 32 and 33 are the C library's own: Python cannot touch what a caller did to them.
    assert int(status["SigIgn"], 16) & ours == int(status["SigBlk"], 16) & ours == 0


async def test_what_a_shell_had_the_supervisor_ignore_is_not_passed_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path, use_cgroups=False)
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        await rig.attach()
    finally:
        signal.signal(signal.SIGQUIT, before)
    pid = (await rig.start("a", "sleep", "100"))["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = int(status.partition("SigIgn:\t")[2].splitlines()[0], 16)
    await rig.close()
    assert not ignored & 1 << signal.SIGQUIT - 1


async def test_the_working_directory_is_entered(grouped: Rig, tmp_path: Path) -> None:
    await grouped.start("a", "pwd", working_dir=str(tmp_path))
    await grouped.ended("a")
    assert grouped.text("a") == [str(tmp_path)]


async def test_a_signal_reaches_the_group(rig: Rig) -> None:
    await rig.start_shell("a", "trap 'echo usr1; exit 5' USR1; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: rig.text("a") == ["ready"])
    await rig.call("signal", container="a", signal=signal.SIGUSR1)
    assert (await rig.ended("a"))["exit_code"] in (5, 138)


async def test_stop_lets_a_program_end_by_itself(rig: Rig) -> None:
    await rig.start_shell("a", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: rig.text("a") == ["ready"])
    assert (await rig.call("stop", container="a", grace_s=10))["exit_code"] == 0


async def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(rig: Rig) -> None:
    await rig.start_shell("a", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: rig.text("a") == ["ready"])
    begun_s = asyncio.get_running_loop().time()
    stopped = await rig.call("stop", container="a", grace_s=0.4)
    assert 0.35 <= asyncio.get_running_loop().time() - begun_s < 3
    assert (stopped["exit_code"], stopped["signal"]) == (137, 9)


async def test_a_second_stop_shortens_the_grace(grouped: Rig) -> None:
    await grouped.start_shell("a", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually(lambda: grouped.text("a") == ["ready"])
    patient = asyncio.create_task(grouped.call("stop", container="a", grace_s=100))
    await asyncio.sleep(0)
    await grouped.call("stop", container="a", grace_s=0)
    assert (await patient)["exit_code"] == 137


DAEMON = (
    "f=$(mktemp -u); mkfifo $f;"
    " (setsid sh -c 'trap \"\" TERM HUP; echo $$; echo > $0; while :; do sleep 0.05; done' $f &);"
    " read line < $f; rm $f;"
)
"""Begins a process outside of its session, and waits until that has begun."""


async def test_stop_kills_a_daemon_that_forked_twice(rig: Rig) -> None:
    await rig.start_shell("a", DAEMON + "exec sleep 100")
    pids = await eventually(lambda: rig.text("a"))
    assert alive(int(pids[0]))
    await rig.call("stop", container="a", grace_s=1)
    assert not alive(int(pids[0]))


async def test_what_the_first_process_leaves_behind_ends_with_it(rig: Rig) -> None:
    await rig.start_shell("a", DAEMON + "exit 4")
    assert (await rig.ended("a"))["exit_code"] == 4
    assert not alive(int(rig.text("a")[0]))


async def test_a_fork_bomb_ends(grouped: Rig) -> None:
    bomb = "f() { f & f & }; trap '' TERM; while :; do f; sleep 0.01; done"
    await grouped.start_shell("a", bomb, limits={"pids": 40})
    assert (await grouped.call("stop", container="a", grace_s=0.2))["phase"] == "Exited"
    assert grouped.cgroups() == []


@pytest.mark.parametrize(
    ("argv", "errno", "message"),
    [
        pytest.param(["no-such-program"], 2, "'no-such-program' (not found in PATH", id="not in PATH"),
        pytest.param(["/no/such/file"], 2, "cannot execute '/no/such/file': No such file", id="no file"),
        pytest.param(
            ["/etc/passwd"],
            13,
            "(it is not executable for this user): Permission",
            id="no permission",
        ),
        pytest.param(["/tmp"], 13, "cannot execute '/tmp' (it is a folder): Permission denied", id="a folder"),
        pytest.param(["a\0b"], 22, "embedded null byte", id="a null byte"),
    ],
)
async def test_what_cannot_be_executed_is_a_start_error(
    grouped: Rig, argv: list[str], errno: int, message: str
) -> None:
    refusal = await grouped.refusal("a", *argv)
    assert (refusal.kind, refusal.errno) == ("start_failed", errno)
    assert message in str(refusal)
    assert (await grouped.call("list"))["containers"] == []
    assert grouped.cgroups() == []
    assert entries(grouped.place.state_dir / "containers") == []


async def test_a_missing_interpreter_is_named_as_such(grouped: Rig, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    assert f"cannot execute '{script}' (its interpreter is missing)" in str(await grouped.refusal("a", str(script)))


async def test_a_script_without_an_interpreter_cannot_be_executed(grouped: Rig, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    assert (await grouped.refusal("a", str(script))).errno == 8


async def test_a_missing_working_directory_is_a_start_error(grouped: Rig) -> None:
    refusal = await grouped.refusal("a", "true", working_dir="/no/such/folder")
    assert str(refusal) == "cannot enter working directory '/no/such/folder': No such file or directory"


async def test_an_id_may_be_used_after_a_failed_start(grouped: Rig) -> None:
    await grouped.refusal("a", "no-such-program")
    await grouped.start("a", "true")
    assert (await grouped.ended("a"))["exit_code"] == 0


@pytest.mark.parametrize("container_id", ["", "../a", "a/b", ".a", "a" * 201, "ä"])
async def test_an_id_that_is_no_name_is_refused(grouped: Rig, container_id: str) -> None:
    assert (await grouped.refusal(container_id, "true")).kind == "bad_request"


async def test_an_unknown_id_is_told(grouped: Rig) -> None:
    with pytest.raises(SupervisorRefused, match="no container 'a'"):
        await grouped.call("stop", container="a", grace_s=0)
    assert await grouped.call("remove", container="a") == {}


async def test_remove_kills_and_deletes_everything(rig: Rig) -> None:
    pid = (await rig.start_shell("a", "echo hello; exec sleep 100"))["pid"]
    await eventually(lambda: rig.text("a") == ["hello"])
    await rig.call("remove", container="a")
    assert not alive(pid)
    assert (await rig.call("list"))["containers"] == []
    assert not rig.log_path("a").exists()
    assert entries(rig.place.state_dir / "containers") == []


async def test_many_starts_at_once(grouped: Rig) -> None:
    await asyncio.gather(*(grouped.start(f"c{i}", "true") for i in range(50)))
    await eventually(lambda: sum(change["phase"] == "Exited" for change in grouped.changes) == 50)
    assert {change["exit_code"] for change in grouped.changes if change["phase"] == "Exited"} == {0}


async def test_two_hundred_lives_leave_nothing_behind(grouped: Rig) -> None:
    await grouped.start("warm", "true")
    await grouped.call("remove", container="warm")
    descriptors = len(entries(f"/proc/{grouped.pid}/fd"))

    async def live(number: int) -> None:
        await grouped.start_shell(f"c{number}", "(sleep 100 &) ; echo hello")
        await grouped.ended(f"c{number}")
        await grouped.call("remove", container=f"c{number}")

    for first in range(0, 200, 20):
        await asyncio.gather(*(live(number) for number in range(first, first + 20)))
    assert len(entries(f"/proc/{grouped.pid}/fd")) == descriptors
    assert Path(f"/proc/{grouped.pid}/task/{grouped.pid}/children").read_text() == ""
    assert grouped.cgroups() == []
    assert entries(grouped.place.state_dir / "containers") == []


async def test_an_idle_supervisor_sleeps(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100")

    def processor_ticks() -> list[str]:
        return Path(f"/proc/{grouped.pid}/stat").read_text().rpartition(")")[2].split()[11:13]

    def switches() -> str:
        status = Path(f"/proc/{grouped.pid}/status").read_text()
        return next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))

    async def sleeps_for_half_a_second() -> bool:
        before = processor_ticks(), switches()
        await asyncio.sleep(0.5)
        return (processor_ticks(), switches()) == before

    await eventually(sleeps_for_half_a_second)


async def test_it_is_small(grouped: Rig) -> None:
    status = Path(f"/proc/{grouped.pid}/status").read_text()
    resident_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident_kb <= 15 * 1024


async def test_several_clients_hear_of_changes(grouped: Rig) -> None:
    other = await SupervisorClient.connect(grouped.place.socket_path)
    heard: list[object] = []
    other.on_container = heard.append
    await other.call("list", watch=True)
    await grouped.start("a", "true")
    await eventually(lambda: len(heard) == len(grouped.changes) == 2)
    await other.close()


async def test_a_client_that_does_not_read_stops_nobody(grouped: Rig) -> None:
    reader, writer = await asyncio.open_unix_connection(str(grouped.place.socket_path))
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b'{"op": "list", "watch": true}\n' * 20_000)
    await grouped.start("a", "true")
    assert (await grouped.ended("a"))["exit_code"] == 0
    writer.transport.abort()


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\n",
        b"[]\n",
        b"{\n",
        b"[" * 100_000 + b"\n",
        b'{"op": "nothing"}\n',
        b'{"op": "start"}\n',
        b'{"op": "start", "container": "a", "argv": [1], "log": {"path": "/x"}}\n',
        b'{"op": "start", "container": "a", "argv": ["true"], "log": {"path": "x"}}\n',
        b'{"op": "start", "container": "a", "argv": ["true"], "log": {"path": "/x"}, "limits": {"pids": -1}}\n',
        b'{"op": "signal", "container": "a", "signal": 999}\n',
        b'{"op": "stop", "container": "a", "grace_s": "long"}\n',
    ],
)
async def test_a_bad_request_is_answered(grouped: Rig, line: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(grouped.place.socket_path))
    writer.write(line)
    assert b'"bad_request"' in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.fixture
async def short_of_descriptors(tmp_path: Path) -> AsyncIterator[Rig]:
    """A supervisor that may open 80 files."""
    rig = Rig(tmp_path)
    rig.place.state_dir.mkdir()
    command = [sys.executable, "-S", "-m", "node_agent.supervisor", "--daemon", "--node", "test"]
    command += ["--state-dir", str(rig.place.state_dir), "--socket", str(rig.place.socket_path)]
    limited = ["sh", "-c", 'ulimit -n 80 && exec "$0" "$@"', *command]
    started = await asyncio.create_subprocess_exec(*limited, cwd=SOURCE_ROOT)
    assert await started.wait() == 0
    await rig.attach()
    yield rig
    async with asyncio.timeout(20):
        await rig.close()


async def test_out_of_descriptors_nothing_begins_and_everything_can_end(short_of_descriptors: Rig) -> None:
    rig, running = short_of_descriptors, list[str]()
    with pytest.raises(SupervisorRefused) as refusal:
        for number in range(80):
            await rig.start(f"c{number}", "sleep", "100")
            running.append(f"c{number}")
    assert running and refusal.value.errno == errno.EMFILE
    with contextlib.ExitStack() as clients:
        for _ in range(40):
            clients.enter_context(socket.socket(socket.AF_UNIX)).connect(str(rig.place.socket_path))
            await rig.call("hello")  # Who knocked before is accepted when this is answered, if at all.
        stopped = await asyncio.gather(*(rig.call("stop", container=each, grace_s=9) for each in running))
    assert {each["exit_code"] for each in stopped} == {143}
