"""Real supervisors on hosts of other layouts: this host without its v2 tree, and without any control groups."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.supervisor.client import SOURCE_ROOT, SupervisorRefused
from tests.supervisor.conftest import CGROUPS_WORK
from tests.supervisor.rig import PATH, Rig, alive
from tests.waiting import eventually

V1, NONE = "v1", "none"
UNMOUNTED = {V1: "/sys/fs/cgroup/unified", NONE: "/sys/fs/cgroup/*"}
GREEDY = """import subprocess, sys, time
subprocess.run([sys.executable, "-c", "b = bytearray(90_000_000)"])
time.sleep(99)"""


@pytest.fixture
async def layout(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """A supervisor that sees fewer hierarchies than there are, in a mount namespace of its own."""
    if not CGROUPS_WORK:
        pytest.skip("this host lets us make no cgroups")
    rig = Rig(tmp_path)
    rig.place.state_dir.mkdir()
    script = f'umount {UNMOUNTED[request.param]} && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-S", "-m", "node_agent.supervisor"]
    options = ["--daemon", "--state-dir", rig.place.state_dir, "--socket", rig.place.socket_path, "--node", "test"]
    starting = await asyncio.create_subprocess_exec(
        *command, *options, cwd="/", env={"PATH": PATH, "PYTHONPATH": str(SOURCE_ROOT)}
    )
    assert await starting.wait() == 0
    await rig.attach()
    yield rig
    async with asyncio.timeout(20):
        await rig.close()


@pytest.mark.parametrize("layout", [V1], indirect=True)
async def test_v1_alone_limits_and_ends_containers_as_a_whole(layout: Rig) -> None:
    assert (layout.hello["cgroups"], layout.hello["missing"]) == (V1, {})
    await layout.start("a", sys.executable, "-c", GREEDY, limits={"memory_bytes": 40 << 20})
    ended = await layout.ended("a")
    assert (ended["reason"], ended["exit_code"]) == ("OOMKilled", 137)
    await layout.start_shell("b", "(setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 100' &) ; exec sleep 100")
    (hidden,) = await eventually(lambda: layout.text("b"))
    usage = (await layout.call("stats"))["usage"]["b"]
    assert usage["memory_bytes"] > 0 and usage["pids"] == 2 and usage["cpu_pressure"] is None
    await layout.call("stop", container="b", grace_s=0)
    assert not alive(int(hidden))
    for container in ("a", "b"):
        await layout.call("remove", container=container)
    assert layout.cgroups() == []


@pytest.mark.parametrize("layout", [NONE], indirect=True)
async def test_without_groups_all_is_missing_with_the_reason_and_programs_run(layout: Rig) -> None:
    missing = dict.fromkeys(("cpu", "memory", "pids", "tree-kill"), "no cgroup hierarchy is mounted")
    assert (layout.hello["cgroups"], layout.hello["missing"]) == (NONE, missing)
    await layout.start_shell("a", "echo here; exec sleep 100", limits={"memory_bytes": 40 << 20})
    await eventually(lambda: layout.text("a") == ["here"])
    assert (await layout.call("stop", container="a", grace_s=5))["exit_code"] == 143


@pytest.mark.parametrize("layout", [NONE], indirect=True)
async def test_what_began_without_groups_is_watched_and_ended_where_there_are_some_later(layout: Rig) -> None:
    await layout.start_shell("a", "(setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 100' &) ; exec sleep 100")
    (hidden,) = await eventually(lambda: layout.text("a"))
    await layout.kill()
    await layout.attach()
    assert layout.hello["missing"] == {}
    assert (await layout.call("stats"))["usage"]["a"]["memory_bytes"] > 0
    with pytest.raises(SupervisorRefused, match="it was started while this node had no control groups"):
        await layout.call("resize", container="a", limits={"memory_bytes": 40 << 20})
    assert (await layout.call("execute", container="a", argv=["true"], env={"PATH": PATH}))["exit_code"] == 0
    await layout.call("stop", container="a", grace_s=0)
    assert not alive(int(hidden))
    assert layout.cgroups() == []
