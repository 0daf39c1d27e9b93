"""Thousands of pods live and end on one machine, and nothing is left: no process, descriptor, group, directory, port,
nothing in memory's file system or below /run, and no memory.

A few hundred in every run, ten thousand in the long one. Real processes under a real supervisor; the hub is scripted.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.cgroup.detect import base_name
from node_agent.machine.port import MemoryMachine
from node_agent.program import NodeAgent
from node_agent.runtime.port import RuntimeSettings
from node_agent.runtime.process import ProcessRuntime
from node_agent.settings import AgentSettings
from node_agent.storage.disk import DiskStorage
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.clock import SystemClock
from proto.ids import RandomIds
from tests.agent.cluster import NODE, ScriptedHub
from tests.agent.pods import pod
from tests.supervisor.rig import entries
from tests.waiting import eventually

MEMORY = Path(f"/dev/shm/setpoint-{os.geteuid()}")
TOGETHER = 20
PORTS = (20000, 20000 + 2 * TOGETHER)
"""So few that one of them, kept by each hundredth life, would soon be missed."""

SCRIPTS = (
    "exit 0",
    "echo said something; exit 3",
    "(setsid sleep 300 &) ; exit 0",
    "exec sleep 300",
    "trap '' TERM; (sleep 300 &) ; while :; do sleep 1; done",
)
"""Ends of all sorts: by itself, with an orphan left behind, by SIGTERM, by SIGKILL."""

WITH_MEMORY, WITH_STDIN = (1, 3), (2, 8)
"""Of ten lives, which have a folder in memory, and which an input that somebody must hold open."""

GROWN_BYTES_MAX = 4 * 2**20


class Node:
    """One machine's agent in this process, and what it holds of the host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = ProcessRuntime(RuntimeSettings(NODE, folder))
        network = MemoryNetwork()
        self.hub = ScriptedHub(MemoryBus(network, "hub"))
        self.agent = NodeAgent(
            MemoryBus(network, "machine"),
            self.runtime,
            SystemClock(),
            RandomIds(7),
            AgentSettings(node=NODE, base_env={"PATH": "/usr/bin:/bin"}, port_range=PORTS),
            machine=MemoryMachine(),
            storage=DiskStorage(folder),
        )
        self.supervisor = 0

    async def start(self) -> None:
        await self.hub.open()
        await self.agent.start()
        await self.agent.joined()
        self.supervisor = (await self.runtime._line.call("hello"))["pid"]

    async def stop(self) -> None:
        await self.runtime.shutdown(grace_s=0)
        await self.agent.stop(polite=False)

    async def live(self, number: int) -> None:
        """One pod's life, from its assignment until everything of it is gone."""
        container: dict[str, object] = {
            "command": ["/bin/sh", "-c", SCRIPTS[number % len(SCRIPTS)]],
            "ports": [{"containerPort": 0}],
        }
        more: dict[str, object] = {}
        if number % 10 in WITH_MEMORY:
            container["volumeMounts"] = [{"name": "scratch", "mountPath": str(self.folder / "scratch")}]
            more["volumes"] = [{"name": "scratch", "emptyDir": {"medium": "Memory"}}]
        if number % 10 in WITH_STDIN:
            container |= {"stdin": True, "stdinOnce": True}
        await self.hub.assign(pod(f"p{number}", container, restartPolicy="Never", **more))
        uid = f"u-p{number}"
        await eventually(lambda: self.hub.status(uid).phase != "Pending", within_s=60)
        await self.hub.delete(uid, grace_s=1)
        await self.hub.gone(uid)
        del self.hub.reports[uid]
        self.hub.history.clear()
        self.hub.events.clear()

    def held(self) -> dict[str, object]:
        """All that must be the same before and after."""
        base = base_name(NODE, str(self.folder / "supervisor"))
        groups = [place for place in Path("/sys/fs/cgroup").glob(f"*/setpoint/{base}/**/u-*") if place.is_dir()]
        return {
            "descriptors of the supervisor": len(entries(f"/proc/{self.supervisor}/fd")),
            "descriptors of the agent": len(entries(f"/proc/{os.getpid()}/fd")),
            "children": Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text(),
            "containers": entries(self.folder / "supervisor" / "containers"),
            "pod directories": entries(self.folder / "pods"),
            "groups": groups,
            "in memory's file system": [path for path in MEMORY.glob("*") if path.name.startswith("u-p")],
            "below /run": [path for path in Path("/run").iterdir() if base in path.name or path.name.startswith("u-p")],
            "pods": len(self.agent.pods),
        }


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    await node.start()
    yield node
    await node.stop()


@pytest.mark.parametrize(
    "lives", [pytest.param(200, id="200"), pytest.param(10_000, id="10000", marks=pytest.mark.soak)]
)
async def test_nothing_is_left_of_many_lives(node: Node, lives: int) -> None:
    await asyncio.gather(*(node.live(-1 - number) for number in range(TOGETHER)))
    await eventually(lambda: not node.held()["groups"])
    before, tasks, memory_bytes = node.held(), len(asyncio.all_tasks()), resident_bytes(node.supervisor)
    turn = iter(range(lives))

    async def one_after_the_other() -> None:
        for number in turn:
            await node.live(number)

    await asyncio.gather(*(one_after_the_other() for _ in range(TOGETHER)))
    gc.collect()
    await eventually(lambda: node.held() == before, what=f"{node.held()} is {before}")
    assert len(asyncio.all_tasks()) <= tasks + 1
    assert resident_bytes(node.supervisor) - memory_bytes < GROWN_BYTES_MAX


def resident_bytes(pid: int) -> int:
    """The memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
