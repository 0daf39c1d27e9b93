"""What survives the death of the agent, of the supervisor, and of the machine."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.supervisor.rig import Rig, alive
from tests.waiting import eventually, shell_waits_for

COUNTING = "i=0; while :; do echo $i; i=$((i+1)); done"
STEADILY = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done"


async def test_exit_codes_wait_for_the_next_agent(rig: Rig) -> None:
    await rig.start_shell("a", "sleep 0.2; echo bye; exit 7")
    await rig.detach()
    await eventually(lambda: rig.text("a") == ["bye"])
    await rig.attach()
    assert (await rig.ended("a"))["exit_code"] == 7


@pytest.mark.parametrize("script", [COUNTING, STEADILY], ids=["flooding", "steadily"])
async def test_a_killed_supervisor_costs_no_line_and_no_restart(rig: Rig, script: str) -> None:
    def logged_bytes() -> int:
        return sum(file.stat().st_size for file in rig.log_path("a").parent.glob(f"{rig.log_path('a').name}*"))

    pid = (await rig.start_shell("a", script, log={"path": str(rig.log_path("a")), "max_files": 50}))["pid"]
    await eventually(lambda: logged_bytes() > 100)
    for _ in range(3):
        await rig.kill()
        before = logged_bytes()
        await rig.attach()
        assert (await rig.listed("a"))["pid"] == pid
        await eventually(lambda before=before: logged_bytes() > before)  # type: ignore[misc]
    await rig.call("stop", container="a", grace_s=1)
    assert rig.text("a") == [str(number) for number in range(len(rig.text("a")))]


async def test_half_a_line_survives_the_supervisor(grouped: Rig, tmp_path: Path) -> None:
    word = tmp_path / "word"
    await grouped.start_shell("a", f"printf half; {shell_waits_for(word)}; echo way; sleep 100")
    folder = grouped.place.state_dir / "containers" / "a"
    await eventually(lambda: any(file.read_bytes() == b"half" for file in folder.glob("stdout.pending*")))
    await grouped.kill()
    word.touch()
    await grouped.attach()
    await eventually(lambda: grouped.text("a") == ["halfway"])


async def test_an_adopted_process_is_stopped_by_the_signal_that_it_wants(rig: Rig) -> None:
    await rig.start_shell("a", "trap 'exit 7' USR1; echo up; while :; do sleep 0.02; done", stop_signal=10)
    await eventually(lambda: rig.text("a"))
    await rig.kill()
    await rig.attach()
    assert (await rig.call("stop", container="a", grace_s=5))["exit_code"] == 7


async def test_an_adopted_process_is_stopped_with_all_it_forked(rig: Rig) -> None:
    await rig.start_shell("a", "(setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 100' &) ; exec sleep 100")
    (daemon,) = await eventually(lambda: rig.text("a"))
    await rig.kill()
    await rig.attach()
    stopped = await rig.call("stop", container="a", grace_s=2)
    assert stopped["phase"] == "Exited"
    assert not alive(int(daemon)) and not alive(stopped["pid"])


async def test_an_end_that_nobody_saw_is_unknown(rig: Rig, tmp_path: Path) -> None:
    word = tmp_path / "word"
    await rig.start_shell("a", f"{shell_waits_for(word)}; exit 7")
    pid = (await rig.listed("a"))["pid"]
    await rig.kill()
    word.touch()
    await eventually(lambda: not alive(pid))
    await rig.attach()
    ended = await rig.ended("a")
    assert (ended["exit_code"], ended["reason"]) in [(None, "Unknown"), (7, "Error")]


async def test_what_a_dead_container_left_behind_is_killed_at_adoption(rig: Rig, tmp_path: Path) -> None:
    word = tmp_path / "word"
    await rig.start_shell("a", f"(setsid sh -c 'echo $$; exec sleep 100' &) ; {shell_waits_for(word)}; exit 7")
    (daemon,) = await eventually(lambda: rig.text("a"))
    pid = (await rig.listed("a"))["pid"]
    await rig.kill()
    word.touch()
    await eventually(lambda: not alive(pid))
    assert alive(int(daemon))
    await rig.attach()
    await rig.ended("a")
    assert not alive(int(daemon))


async def test_outcomes_survive_the_supervisor(grouped: Rig) -> None:
    await grouped.start_shell("a", "exit 3")
    ended = await grouped.ended("a")
    await grouped.kill()
    await grouped.attach()
    assert await grouped.listed("a") == ended


async def test_killing_it_amid_starts_never_doubles_nor_hides_a_process(grouped: Rig) -> None:
    ids = [f"c{number}" for number in range(20)]
    starts = [asyncio.create_task(grouped.start(container_id, "sleep", "100")) for container_id in ids]
    await eventually(lambda: len(grouped.changes) >= 5)
    await grouped.kill()
    await asyncio.gather(*starts, return_exceptions=True)
    await grouped.attach()
    states = await asyncio.gather(*(grouped.start(container_id, "sleep", "100") for container_id in ids))
    marked = {pid for container_id in ids for pid in _marked(container_id, grouped)}
    assert marked == {state["pid"] for state in states if state["phase"] == "Running"}


def _marked(container_id: str, rig: Rig) -> set[int]:
    """The processes in all cgroups of a container."""
    groups = [group for group in rig.cgroups() if group.name == container_id]
    return {int(pid) for group in groups for pid in (group / "cgroup.procs").read_text().split()}


async def test_after_a_reboot_nothing_runs(grouped: Rig) -> None:
    await grouped.start_shell("a", "sleep 100")
    pid = (await grouped.listed("a"))["pid"]
    await grouped.kill()
    path = grouped.place.state_dir / "containers" / "a" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot_id": "another", "start_ticks": 1}))
    await grouped.attach()
    ended = await grouped.listed("a")
    assert (ended["phase"], ended["exit_code"], ended["reason"]) == ("Exited", None, "Reboot")
    os.kill(pid, 9)
    await eventually(lambda: not alive(pid))
    await grouped.call("remove", container="a")


async def test_a_pid_that_is_used_again_is_not_adopted(grouped: Rig) -> None:
    await grouped.start_shell("a", "sleep 100")
    await grouped.kill()
    path = grouped.place.state_dir / "containers" / "a" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": os.getpid(), "start_ticks": 1}))
    await grouped.attach()
    assert (await grouped.ended("a"))["reason"] == "Unknown"


@pytest.mark.parametrize(
    "nonsense",
    [{"stdio": 7}, {"pid": "seven"}, {"fence": [1], "level": "top"}, {"log_path": None, "log_max_files": "many"}],
    ids=lambda nonsense: " ".join(nonsense),
)
async def test_a_record_that_makes_no_sense_costs_its_own_container_only(rig: Rig, nonsense: dict[str, Any]) -> None:
    odd = (await rig.start("a", "sleep", "100"))["pid"]
    well = (await rig.start("b", "sleep", "100"))["pid"]
    await rig.kill()
    path = rig.place.state_dir / "containers" / "a" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **nonsense}))
    await rig.attach()
    assert ((await rig.ended("a"))["reason"], (await rig.listed("b"))["pid"]) == ("Unknown", well)
    await eventually(lambda: not alive(odd), what="what lived of it is ended")
    await rig.call("remove", container="a")


async def test_a_state_of_a_later_version_is_left_alone(grouped: Rig) -> None:
    await grouped.start_shell("a", "exit 0")
    await grouped.ended("a")
    await grouped.kill()
    path = grouped.place.state_dir / "containers" / "a" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    status, said = _run_second(grouped)
    assert status == 1 and "written by another version" in said
    assert path.exists()
    path.unlink()


async def test_a_state_of_the_first_version_is_taken_up(grouped: Rig) -> None:
    """An upgrade finds what its predecessor wrote, which lacks all fields that came later; unknown ones are ignored."""
    pid = (await grouped.start("a", "sleep", "100"))["pid"]
    await grouped.kill()
    path = grouped.place.state_dir / "containers" / "a" / "state.json"
    known = json.loads(path.read_text())
    first = ("format", "id", "phase", "pid", "start_ticks", "boot_id", "started_at_s", "log_path")
    path.write_text(json.dumps({**{name: known[name] for name in first}, "of_a_patch_release": True}))
    await grouped.attach()
    adopted = await grouped.listed("a")
    assert (adopted["phase"], adopted["pid"]) == ("Running", pid)
    assert (await grouped.call("stop", container="a", grace_s=5))["exit_code"] == 143


async def test_a_state_reads_as_the_versions_before_wrote_it(grouped: Rig) -> None:
    """A downgrade: those take the limits by their places in a list of five."""
    limits = {"memory_bytes": 1 << 25, "pids": 9, "hugepages": [[2 << 20, 4 << 20]]}
    await grouped.start("a", "sleep", "100", limits=limits)
    written = json.loads((grouped.place.state_dir / "containers" / "a" / "state.json").read_text())
    assert written["limits"] == [1 << 25, None, None, 9, None]
    await grouped.kill()
    await grouped.attach()
    assert limits.items() <= (await grouped.listed("a"))["limits"].items()


async def test_a_second_supervisor_is_refused(grouped: Rig) -> None:
    status, said = _run_second(grouped)
    assert status == 75 and "another supervisor holds" in said
    assert (await grouped.call("hello"))["pid"] == grouped.pid


async def test_a_supervisor_whose_folder_was_removed_leaves_its_place_to_the_next(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100")
    first, pid = grouped.pid, (await grouped.listed("a"))["pid"]
    shutil.rmtree(grouped.place.state_dir)
    await grouped.detach()
    await grouped.attach()
    second = grouped.pid
    await eventually(lambda: not alive(pid) and not alive(first), what="all of the first is gone")
    await grouped.start("b", "sleep", "100")
    await grouped.detach()
    await grouped.attach()
    assert (second, [each["id"] for each in (await grouped.call("list"))["containers"]]) == (grouped.pid, ["b"])


async def test_a_shutdown_leaves_the_workloads_to_the_next(rig: Rig) -> None:
    pid = (await rig.start("a", "sleep", "100"))["pid"]
    await rig.call("shutdown")
    await rig.detach()
    await rig.attach()
    assert alive(pid) and (await rig.listed("a"))["phase"] == "Running"


async def test_a_shutdown_can_stop_everything(rig: Rig) -> None:
    pid = (await rig.start("a", "sleep", "100"))["pid"]
    await rig.call("shutdown", stop_containers=True, grace_s=5)
    assert not alive(pid)


def _run_second(rig: Rig) -> tuple[int, str]:
    """Runs another supervisor on the same state folder."""
    place = rig.place
    done = subprocess.run(
        [
            *(sys.executable, "-S", "-m", "node_agent.supervisor", "--no-cgroups"),
            *("--state-dir", place.state_dir, "--socket", place.socket_path),
        ],
        capture_output=True,
        text=True,
        timeout=10,
    )
    return done.returncode, done.stderr


async def test_groups_of_containers_that_nobody_knows_are_told_and_cleared(grouped: Rig) -> None:
    """As a supervisor leaves them that is killed between making a group and noting its container."""
    await grouped.start("known", "sleep", "1000")
    places = {group.parent for group in grouped.cgroups()}
    for place in places:
        (place / "unknown").mkdir()
    stranger = await asyncio.create_subprocess_exec("sleep", "1000")
    for place in places:
        (place / "unknown" / "cgroup.procs").write_text(str(stranger.pid))
    found = {"id": "unknown", "pids": [stranger.pid], "removed": False}
    assert (await grouped.call("sweep", dry_run=True))["groups"] == [found]
    assert alive(stranger.pid)
    await grouped.call("sweep")
    await stranger.wait()
    await eventually(lambda: not [group for group in grouped.cgroups() if group.name == "unknown"], what="no group")
    assert (await grouped.call("sweep"))["groups"] == []
    assert (await grouped.listed("known"))["phase"] == "Running"


async def test_the_next_supervisor_clears_them_by_itself(grouped: Rig) -> None:
    await grouped.start("known", "sleep", "1000")
    for place in {group.parent for group in grouped.cgroups()}:
        (place / "unknown").mkdir()
    await grouped.kill()
    await grouped.attach()
    assert {group.name for group in grouped.cgroups()} == {"known"}
    assert (await grouped.listed("known"))["phase"] == "Running"


async def test_groups_of_pods_that_a_later_version_made_are_kept_as_long_as_they_hold_something(grouped: Rig) -> None:
    pid = (await grouped.start("a", "sleep", "1000", level="burstable"))["pid"]
    await grouped.kill()
    for level in [group for group in grouped.cgroups() if group.name == "burstable"]:
        (level / "_u1" / "a").mkdir(parents=True)
        (level / "_u1" / "a" / "cgroup.procs").write_text(str(pid))
    path = grouped.place.state_dir / "containers" / "a" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "level": "burstable/_u1"}))
    await grouped.attach()
    assert (await grouped.listed("a"))["phase"] == "Running" and alive(pid)
    await grouped.call("stop", container="a", grace_s=0)
    await grouped.call("remove", container="a")
    await grouped.call("sweep")
    assert not [found for group in grouped.cgroups() for found in group.glob("*") if found.is_dir()]


async def test_without_groups_nothing_is_left_over(rig: Rig) -> None:
    await rig.start("known", "sleep", "1000")
    assert (await rig.call("sweep"))["groups"] == []
