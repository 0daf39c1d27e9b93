"""Limits as the kernel enforces them."""

import re
import sys
from pathlib import Path

import pytest

from node_agent.supervisor.client import SupervisorRefused
from tests.supervisor.rig import Rig
from tests.waiting import eventually

GREEDY = "b = []\nwhile True: b.append(bytearray(1024 * 1024))"


async def test_a_program_beyond_its_memory_is_killed_and_told(grouped: Rig) -> None:
    await grouped.start("a", sys.executable, "-c", GREEDY, limits={"memory_bytes": 40 * 1024 * 1024})
    ended = await grouped.ended("a")
    assert (ended["exit_code"], ended["signal"]) == (137, 9)
    assert (ended["oom_killed"], ended["reason"]) == (True, "OOMKilled")


async def test_no_more_processes_than_allowed(grouped: Rig) -> None:
    await grouped.start_shell("a", "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo done", limits={"pids": 4})
    await grouped.ended("a")
    assert "done" not in grouped.text("a") or any("fork" in text.lower() for text in grouped.text("a"))


async def test_usage_is_told(grouped: Rig) -> None:
    busy = "b = bytearray(30_000_000)\nwhile True: pass"
    await grouped.start("a", sys.executable, "-c", busy, limits={"cpu_millis": 500, "pids": 50})

    async def used() -> bool:
        usage = (await grouped.call("stats"))["usage"]["a"]
        return bool(usage["memory_bytes"] > 30_000_000 and usage["cpu_ns"] > 50_000_000 and usage["pids"] >= 1)

    await eventually(used)


async def test_without_cgroups_the_first_process_is_measured(rig: Rig) -> None:
    await rig.start("a", "sleep", "100")

    async def used() -> bool:
        usage = (await rig.call("stats", containers=["a", "unknown"]))["usage"]
        return bool(usage["a"]["memory_bytes"] > 0 and "unknown" not in usage)

    await eventually(used)


async def test_without_cgroups_it_is_told_what_is_missing(rig: Rig) -> None:
    if rig.place.use_cgroups:
        assert set(rig.hello["abilities"]) >= {"memory", "pids", "tree-kill"}
    else:
        assert rig.hello["abilities"] == []
        assert rig.hello["missing"]["memory"] == "cgroups are switched off"


async def test_a_limit_that_the_kernel_refuses_is_a_start_error(grouped: Rig) -> None:
    try:
        await grouped.start("a", "true", limits={"pids": 10**18})
    except SupervisorRefused as refusal:
        assert "pids.max" in str(refusal)
        assert grouped.cgroups() == []
    else:
        raise AssertionError("it was started")


async def test_a_group_that_was_left_over_keeps_no_limit(grouped: Rig) -> None:
    await grouped.start("other", "sleep", "100")
    memory = next(group for group in grouped.cgroups() if "/memory/" in str(group)).parent / "a"
    memory.mkdir()
    (memory / "memory.limit_in_bytes").write_text(str(50 * 2**20))
    await grouped.start("a", "sleep", "100")
    assert int((memory / "memory.limit_in_bytes").read_text()) > 2**60


async def test_nothing_of_a_cgroup_is_left_after_shutdown(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100")
    assert grouped.cgroups()
    await grouped.call("shutdown", stop_containers=True)
    await eventually(lambda: not list(Path("/sys/fs/cgroup").glob(f"*/setpoint/{grouped.base}")))


async def test_limits_are_written_for_the_kernel(grouped: Rig) -> None:
    limits = {"cpu_millis": 500, "cpu_request_millis": 250, "memory_bytes": 64 * 1024 * 1024, "pids": 7}
    await grouped.start("a", "sleep", "100", limits=limits)
    written = {
        file.name: file.read_text().strip()
        for group in grouped.cgroups()
        for file in group.iterdir()
        if file.name in ("cpu.cfs_quota_us", "cpu.shares", "memory.limit_in_bytes", "pids.max", "cpu.max", "memory.max")
    }
    v1 = {"cpu.cfs_quota_us": "50000", "cpu.shares": "256", "memory.limit_in_bytes": "67108864", "pids.max": "7"}
    v2 = {"cpu.max": "50000 100000", "memory.max": "67108864", "pids.max": "7"}
    assert written in (v1, v2)


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "b = []\\nwhile True: b.append(bytearray(1024 * 1024))"])
child.wait()
print("the child ended", flush=True)
{then}
"""


@pytest.mark.parametrize(
    "then",
    [pytest.param("time.sleep(100)", id="it goes on"), pytest.param("sys.exit(3)", id="it gives up"),
     pytest.param("sys.exit(0)", id="it calls that success")],
)  # fmt: skip
async def test_whichever_process_was_out_of_memory_the_container_was(grouped: Rig, then: str) -> None:
    await grouped.start("a", sys.executable, "-c", PARENT.format(then=then), limits={"memory_bytes": 40 * 1024 * 1024})
    ended = await grouped.ended("a")
    assert (ended["exit_code"], ended["signal"], ended["reason"]) == (137, 9, "OOMKilled")


async def test_memory_that_ran_out_while_no_supervisor_was_there(grouped: Rig, tmp_path: Path) -> None:
    word = tmp_path / "word"
    waiting = f"import os\nwhile not os.path.exists({str(word)!r}): time.sleep(0.02)\nchild ="
    script = PARENT.format(then="time.sleep(100)").replace("child =", waiting)
    await grouped.start("a", sys.executable, "-c", script, limits={"memory_bytes": 40 * 1024 * 1024})
    await grouped.kill()
    word.touch()
    memory = next(Path("/sys/fs/cgroup/memory/setpoint").glob(f"{grouped.base}/workloads/a/memory.oom_control"))
    await eventually(lambda: re.search("oom_kill [1-9]", memory.read_text()))
    await grouped.attach()
    assert (await grouped.ended("a"))["reason"] == "OOMKilled"


async def test_a_container_stands_in_its_level(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100", level="besteffort", oom_score_adj=1000)
    pid = (await grouped.listed("a"))["pid"]
    own = Path(f"/proc/{pid}/cgroup").read_text()
    assert f"{grouped.base}/workloads/besteffort/a" in own
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
    await grouped.call("bound", level="besteffort", limits={"memory_bytes": 64 * 1024 * 1024, "cpu_request_millis": 0})
    bounded = Path(f"/sys/fs/cgroup/memory/setpoint/{grouped.base}/workloads/besteffort/memory.limit_in_bytes")
    assert bounded.read_text().strip() == str(64 * 1024 * 1024)
    await grouped.call("stop", container="a", grace_s=0)
    await grouped.call("remove", container="a")
    assert {group.name for group in grouped.cgroups()} == {"besteffort"}


async def test_a_level_that_is_full_ends_one_container_only(grouped: Rig) -> None:
    await grouped.start("calm", "sleep", "100", level="burstable", oom_score_adj=2)
    await grouped.call("bound", level="burstable", limits={"memory_bytes": 60 * 1024 * 1024})
    await grouped.start("greedy", sys.executable, "-c", GREEDY, level="burstable", oom_score_adj=900)
    assert (await grouped.ended("greedy"))["reason"] == "OOMKilled"
    assert (await grouped.listed("calm"))["phase"] == "Running"


async def test_a_level_survives_a_supervisor_that_was_killed(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100", level="burstable")
    await grouped.kill()
    await grouped.attach()
    assert (await grouped.listed("a"))["phase"] == "Running"
    await grouped.call("stop", container="a", grace_s=0)
    await eventually(lambda: not list(Path("/sys/fs/cgroup").glob(f"*/setpoint/{grouped.base}/workloads/*/a")))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"level": "gold"}, "unknown level 'gold'"),
        ({"oom_score_adj": 1001}, "oom_score_adj must be"),
        ({"limits": {"pids": -1}}, "pids must be a whole number that is not negative"),
        ({"limits": {"hugepages": [2]}}, "hugepages must be pairs of a page size and an amount"),
    ],
    ids=["an unknown level", "a score out of range", "a negative limit", "no pairs"],
)
async def test_bad_words(grouped: Rig, message: dict[str, object], words: str) -> None:
    assert words in str(await grouped.refusal("a", "sleep", "100", **message))


async def test_a_running_container_is_resized(grouped: Rig) -> None:
    await grouped.start("a", "sleep", "100", limits={"cpu_millis": 500, "memory_bytes": 32 * 1024 * 1024})
    limits = {"cpu_millis": 750, "cpu_request_millis": 500, "memory_bytes": 64 * 1024 * 1024}
    resized = await grouped.call("resize", container="a", limits=limits)
    assert limits.items() <= resized["limits"].items()
    files = {file.name: file.read_text().strip() for group in grouped.cgroups() for file in group.glob("*.*")
             if file.name in ("cpu.cfs_quota_us", "memory.limit_in_bytes")}  # fmt: skip
    assert files == {"cpu.cfs_quota_us": "75000", "memory.limit_in_bytes": str(64 * 1024 * 1024)}
    await grouped.kill()
    await grouped.attach()
    assert limits.items() <= (await grouped.listed("a"))["limits"].items()


async def test_less_memory_than_is_used_is_refused_and_nothing_changes(grouped: Rig) -> None:
    hungry = "b = bytearray(60_000_000); print('full', flush=True)\nimport time; time.sleep(100)"
    await grouped.start("a", sys.executable, "-c", hungry, limits={"memory_bytes": 128 * 1024 * 1024})
    await eventually(lambda: grouped.text("a") == ["full"])
    with pytest.raises(SupervisorRefused, match="bytes of memory are in use"):
        await grouped.call("resize", container="a", limits={"memory_bytes": 16 * 1024 * 1024})
    assert (await grouped.listed("a"))["limits"]["memory_bytes"] == 128 * 1024 * 1024


async def test_throttling_is_counted(grouped: Rig) -> None:
    await grouped.start_shell("a", "while :; do :; done", limits={"cpu_millis": 50})

    async def throttled() -> bool:
        usage = (await grouped.call("stats"))["usage"]["a"]
        return bool(usage["throttled_periods"] > 1 and usage["throttled_ns"] > 0 and usage["cpu_pressure"] is not None)

    await eventually(throttled)
