"""The process driver and the death of its supervisor."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.cgroup.detect import base_name
from node_agent.runtime.abilities import ProcessState, Swept
from node_agent.runtime.port import (
    ContainerSpec,
    LogPolicy,
    Relisted,
    RuntimeEvent,
    RuntimeSettings,
    RuntimeUnavailable,
)
from node_agent.runtime.process import ProcessRuntime
from tests.waiting import eventually


@pytest.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[ProcessRuntime]:
    runtime = ProcessRuntime(RuntimeSettings("test", tmp_path))
    await runtime.open()
    yield runtime
    await runtime.shutdown(grace_s=0)


def spec(folder: Path, container_id: str, *argv: str) -> ContainerSpec:
    log = LogPolicy(folder / f"{container_id}.log")
    return ContainerSpec(container_id, argv, log, env={"PATH": "/usr/bin:/bin"})


async def supervisor_pid(runtime: ProcessRuntime, folder: Path) -> int:
    """The process that holds the state folder's lock."""
    inode = (folder / "supervisor" / "lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        if f":{inode} " in line:
            return int(line.split()[4])
    raise AssertionError("nobody holds the lock")


async def test_a_dead_supervisor_is_replaced_and_everything_listed_anew(
    runtime: ProcessRuntime, tmp_path: Path
) -> None:
    heard: list[RuntimeEvent] = []

    async def listen() -> None:
        async for event in runtime.events():
            heard.append(event)

    listening = asyncio.create_task(listen())
    running = await runtime.start(spec(tmp_path, "a", "sleep", "100"))
    first = await supervisor_pid(runtime, tmp_path)
    os.kill(first, 9)
    await eventually(lambda: sum(isinstance(event, Relisted) for event in heard) == 2)
    assert await runtime.list() == (running,)
    assert await supervisor_pid(runtime, tmp_path) != first
    listening.cancel()


async def test_a_call_in_flight_is_repeated_at_the_next_supervisor(runtime: ProcessRuntime, tmp_path: Path) -> None:
    await runtime.start(
        spec(tmp_path, "a", "sh", "-c", "trap 'sleep 0.5; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    )
    await eventually(lambda: (tmp_path / "a.log").exists())
    stopping = asyncio.create_task(runtime.stop("a", grace_s=20))
    await asyncio.sleep(0.05)
    os.kill(await supervisor_pid(runtime, tmp_path), 9)
    assert not (await stopping).running


async def test_a_deep_state_folder_works(tmp_path: Path) -> None:
    runtime = ProcessRuntime(RuntimeSettings("test", tmp_path / ("d" * 120)))
    await runtime.open()
    assert (await runtime.start(spec(tmp_path, "a", "sleep", "100"))).running
    await runtime.shutdown(grace_s=0)


async def test_a_supervisor_that_cannot_start_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "supervisor").mkdir()
    (tmp_path / "supervisor" / "containers").write_text("in the way")
    with pytest.raises(RuntimeUnavailable, match=r"does not start \(exit status 1\).*containers"):
        await ProcessRuntime(RuntimeSettings("test", tmp_path)).open()


async def test_a_stopped_supervisor_is_unavailable_and_goes_on_when_continued(tmp_path: Path) -> None:
    runtime = ProcessRuntime(RuntimeSettings("test", tmp_path), answered_within_s=1)
    await runtime.open()
    pid = await supervisor_pid(runtime, tmp_path)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(RuntimeUnavailable, match="has not answered start"):
            await runtime.start(spec(tmp_path, "a", "sleep", "100"))
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: runtime.start(spec(tmp_path, "a", "sleep", "100")))
    assert await supervisor_pid(runtime, tmp_path) == pid
    assert len(await runtime.list()) == 1
    await runtime.shutdown(grace_s=0)


async def test_a_group_that_no_container_has_is_swept(runtime: ProcessRuntime, tmp_path: Path) -> None:
    await runtime.start(spec(tmp_path, "a", "sleep", "100"))
    base = base_name("test", str(tmp_path / "supervisor"))
    places = [place for place in Path("/sys/fs/cgroup").glob(f"*/setpoint/{base}/workloads") if place.is_dir()]
    if not places:
        pytest.skip("this host lets us make no cgroups")
    (places[0] / "left-over").mkdir()
    assert await runtime.sweep(dry_run=True) == (Swept("left-over"),)
    assert await runtime.sweep() == (Swept("left-over", removed=True),)
    assert await runtime.sweep() == ()


async def test_without_control_groups_processes_are_known_by_their_mark(tmp_path: Path) -> None:
    runtime = ProcessRuntime(RuntimeSettings("test", tmp_path), use_cgroups=False)
    await runtime.open()
    script = "setsid sleep 4815 & exec sleep 4816"
    started = await runtime.start(spec(tmp_path, "a", "sh", "-c", script))
    found = await eventually(lambda: _told(runtime, 2))
    assert {state.command for state in found} == {("sleep", "4815"), ("sleep", "4816")}
    assert {state.pid for state in found if state.command[1] == "4816"} == {started.pid}
    await runtime.shutdown(grace_s=0)


async def _told(runtime: ProcessRuntime, count: int) -> tuple[ProcessState, ...]:
    states = await runtime.processes("a")
    assert len(states) == count and all(state.command[0] == "sleep" for state in states)
    return states
