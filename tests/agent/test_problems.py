"""Problems of a machine are conditions of its node: a disk that is full or read-only, a supervisor that hangs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.machine.host import HostMachine
from node_agent.plan.eviction import Signal
from node_agent.problems import runtime_condition, state_condition
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import Fingerprint, RuntimeSettings, RuntimeUnavailable
from node_agent.runtime.process import ProcessRuntime
from node_agent.storage.disk import DiskStorage
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import StorageFailure
from proto.conditions import STATE_UNWRITABLE
from proto.objects.meta import Condition
from tests.agent.cluster import Cluster, ScriptedHub, scenario
from tests.agent.pods import pod
from tests.agent.test_program import AgentProgram, hub, shell
from tests.disks import cover, fill, remount, small
from tests.waiting import eventually

__all__ = ["hub", "small"]

NO_EVICTION = "--eviction-hard="
"""A full disk stays full: the agent takes no pod away for it."""


def told(hub: ScriptedHub, condition: str) -> Condition | None:
    """What the node said of that condition last."""
    said = (each for heartbeat in reversed(hub.heartbeats) for each in heartbeat.conditions)
    return next((each for each in said if each.type == condition), None)


def says(hub: ScriptedHub, condition: str, status: str, reason: str) -> bool:
    last = told(hub, condition)
    return last is not None and (last.status, last.reason) == (status, reason)


class SilentRuntime(FakeRuntime):
    """A runtime that may not answer."""

    silent = False

    async def fingerprint(self) -> Fingerprint:
        if self.silent:
            raise RuntimeUnavailable("the supervisor has not answered hello within 10 s")
        return await super().fingerprint()


class FullStorage(MemoryStorage):
    """A state directory that may be full."""

    full = False

    def check(self) -> None:
        if self.full:
            raise StorageFailure("cannot write to state directory /memory: No space left on device", 28)


@scenario
async def test_problems_come_and_go_with_heartbeats(cluster: Cluster) -> None:
    runtime, storage = SilentRuntime(), FullStorage()
    await cluster.start_agent(runtime=runtime, storage=storage)
    await eventually(lambda: says(cluster.hub, "ContainerRuntimeUnhealthy", "False", "ContainerRuntimeIsHealthy"))
    await eventually(lambda: says(cluster.hub, "StateDirectoryUnwritable", "False", "StateDirectoryIsWritable"))
    runtime.silent = storage.full = True
    await eventually(lambda: says(cluster.hub, "ContainerRuntimeUnhealthy", "True", "ContainerRuntimeNotResponding"))
    await eventually(lambda: says(cluster.hub, "StateDirectoryUnwritable", "True", "NoSpaceLeft"))
    runtime.silent = storage.full = False
    await eventually(lambda: says(cluster.hub, "ContainerRuntimeUnhealthy", "False", "ContainerRuntimeIsHealthy"))
    await eventually(lambda: says(cluster.hub, "StateDirectoryUnwritable", "False", "StateDirectoryIsWritable"))


@scenario
async def test_conditions_are_told_once_for_each_look(cluster: Cluster) -> None:
    await cluster.start_agent()
    await asyncio.sleep(30)
    told = [{condition.type for condition in heartbeat.conditions} for heartbeat in cluster.hub.heartbeats]
    telling = [types for types in told if STATE_UNWRITABLE in types]
    assert 5 <= len(telling) <= 7 < len(cluster.hub.heartbeats)


async def test_a_supervisor_that_hangs_is_told_of(tmp_path: Path) -> None:
    runtime = ProcessRuntime(RuntimeSettings("test", tmp_path), answered_within_s=1)
    await runtime.open()
    pid = (await runtime._line.call("hello"))["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        stuck = await runtime_condition(runtime)
        assert (stuck.status, stuck.reason) == ("True", "ContainerRuntimeNotResponding")
        assert stuck.message.startswith("the supervisor has not answered hello")
    finally:
        os.kill(pid, signal.SIGCONT)

    async def answers() -> bool:
        return (await runtime_condition(runtime)).status == "False"

    await eventually(answers)
    await runtime.shutdown(grace_s=0)


def test_a_full_disk_is_told_by_its_name(small: Path) -> None:
    storage = DiskStorage(small)
    storage.open()
    ballast = fill(small)
    full = state_condition(storage)
    assert (full.status, full.reason) == ("True", "NoSpaceLeft")
    assert full.message == f"cannot write to state directory {small}: No space left on device"
    ballast.unlink()
    assert state_condition(storage).status == "False"
    storage.close()


def test_a_read_only_disk_is_told_and_can_be_begun_on(small: Path) -> None:
    first = DiskStorage(small)
    first.open()
    first.close()
    remount(small, "ro")
    storage = DiskStorage(small)
    storage.open()
    assert state_condition(storage).reason == "FilesystemIsReadOnly"
    storage.close()


def test_a_state_directory_that_was_removed_is_told_and_ends_no_look_at_the_machine(tmp_path: Path) -> None:
    storage, machine = DiskStorage(tmp_path / "agent"), HostMachine(tmp_path / "agent")
    storage.open()
    assert Signal.DISK in machine.observe()
    shutil.rmtree(tmp_path / "agent")
    assert machine.observe().keys() & {Signal.MEMORY, Signal.DISK, Signal.INODES} == {Signal.MEMORY}
    gone = state_condition(storage)
    assert (gone.status, gone.reason) == ("True", "StateDirectoryFailing")
    storage.close()


@pytest.fixture
async def on_small(hub: ScriptedHub, small: Path) -> AsyncIterator[AgentProgram]:
    program = AgentProgram(hub.url, small / "agent")  # type: ignore[attr-defined]
    yield program
    subprocess.run(["umount", "--lazy", program.state_dir], capture_output=True, check=False)
    remount(small, "rw,size=8m")
    await program.power_off()


@pytest.mark.parametrize("trouble", ["full", "read-only"])
async def test_what_runs_goes_on_and_what_waits_begins_later(
    hub: ScriptedHub, on_small: AgentProgram, small: Path, trouble: str
) -> None:
    await on_small.start(NO_EVICTION)
    await hub.assign(pod("old", shell("while :; do echo line of some length; sleep 0.02; done")))
    await hub.running("u-old")
    if trouble == "full":
        ballast = fill(small)
    else:
        cover(on_small.state_dir)
    reason = "NoSpaceLeft" if trouble == "full" else "FilesystemIsReadOnly"
    await eventually(lambda: says(hub, "StateDirectoryUnwritable", "True", reason), within_s=20)
    await hub.assign(pod("new", shell("exec sleep 100")))
    await on_small.end(signal.SIGKILL)
    os.kill(on_small.supervisor_pid(), signal.SIGKILL)
    await on_small.start(NO_EVICTION)
    assert await hub.running("u-old") == "u-old.app.0"
    if trouble == "full":
        ballast.unlink()
    else:
        subprocess.run(["umount", "--lazy", on_small.state_dir], check=True)
    await hub.running("u-new", within_s=30)
    await eventually(lambda: says(hub, "StateDirectoryUnwritable", "False", "StateDirectoryIsWritable"), within_s=20)
    await hub.delete("u-old", grace_s=1)
    await hub.gone("u-old")
