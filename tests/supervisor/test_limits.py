"""Limits as the kernel enforces them."""

import sys
from pathlib import Path

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
