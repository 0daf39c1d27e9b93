"""The agent as a program: a real NATS server, real processes, and a hub that does what the test says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node_agent.runtime.port import RuntimeSettings
from node_agent.runtime.process import ProcessRuntime
from proto import codec
from proto.bus.nats import NatsBus
from proto.node import LogRequest
from proto.streams import open_stream
from proto.subjects import node_down
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.agent.cluster import NODE, ScriptedHub
from tests.agent.pods import pod
from tests.waiting import eventually, shell_waits_for

ROOT = Path(__file__).parents[2]


class AgentProgram:
    """`python -m node_agent` on a state directory of its own."""

    def __init__(self, url: str, state_dir: Path) -> None:
        self.url = url
        self.state_dir = state_dir
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *more: str, name: str = NODE, ready: bool = True) -> asyncio.subprocess.Process:
        arguments = ("--nats", self.url, "--name", name, "--state-dir", str(self.state_dir), *more)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node_agent", *arguments,
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.process = process
        if ready:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), 20)
            assert line.startswith(b"ready node=node-1"), (line, await process.communicate())
        return process

    async def end(self, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait; the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.process.communicate()
        return self.process.returncode or 0

    def supervisor_pid(self) -> int:
        """The process that holds the supervisor's lock; 0 if none does."""
        inode = (self.state_dir / "supervisor" / "lock").stat().st_ino
        held = [line.split() for line in Path("/proc/locks").read_text().splitlines() if f":{inode} " in line]
        return int(held[0][4]) if held else 0

    async def power_off(self) -> None:
        """End everything that this machine runs."""
        if self.process is not None:
            await self.end()
        runtime = ProcessRuntime(RuntimeSettings(NODE, self.state_dir))
        await runtime.open()
        await runtime.shutdown(grace_s=0)


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[ScriptedHub]:
    async with NatsServer(NatsOptions(tmp_path / "nats")) as server:
        bus = await NatsBus.connect(server.url)
        hub = ScriptedHub(bus)
        await hub.open()
        hub.url = server.url  # type: ignore[attr-defined]
        yield hub
        await bus.close()


@pytest.fixture
async def agent(hub: ScriptedHub, tmp_path: Path) -> AsyncIterator[AgentProgram]:
    program = AgentProgram(hub.url, tmp_path / "agent")  # type: ignore[attr-defined]
    yield program
    await program.power_off()


def shell(script: str, **more: object) -> dict[str, object]:
    return {"command": ["/bin/sh", "-c", script], **more}


async def test_a_pod_lives_and_ends_as_real_processes(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start("--labels", "zone=a", "--address", "127.0.0.1")
    assert hub.registrations[0].labels["zone"] == "a"
    script = 'echo "port=$PORT dir=$PWD me=$ME" > told; exec sleep 100'
    env = [{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    await hub.assign(pod("web", shell(script, ports=[{"containerPort": 0}], env=env)))
    await hub.running("u-web")
    files = agent.state_dir / "pods" / "u-web" / "files"
    port = hub.status("u-web").container_statuses[0].ports[0].container_port
    await eventually(lambda: (files / "told").exists() and (files / "told").read_text())
    assert (files / "told").read_text() == f"port={port} dir={files} me=web\n"
    await hub.delete("u-web", grace_s=5)
    report = await hub.gone("u-web")
    ended = report.status.container_statuses[0].state.terminated
    assert ended is not None and ended.signal == signal.SIGTERM
    await eventually(lambda: not (agent.state_dir / "pods" / "u-web").exists())


async def test_what_a_pod_prints_is_read_over_the_bus(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start()
    await hub.assign(pod("web", shell("echo one; echo two >&2; printf three"), restartPolicy="Never"))
    await eventually(lambda: hub.status("u-web").phase == "Succeeded")
    request = codec.pack(LogRequest(namespace="default", pod="web", follow=True))
    chunks = [chunk async for chunk in open_stream(hub.bus, node_down(NODE, "logs"), request)]
    assert sorted(b"".join(chunks).split()) == [b"one", b"three", b"two"]


async def test_a_machine_that_is_short_of_memory_takes_pods_away(hub: ScriptedHub, agent: AgentProgram) -> None:
    soft = ("--eviction-soft", "memory.available<99.9%", "--eviction-soft-grace-period", "memory.available=2s")
    await agent.start(*soft, "--eviction-max-pod-grace-period", "5")
    await hub.assign(pod("web", shell("trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done",
                                      resources={"requests": {"memory": "1Mi"}})))  # fmt: skip
    await hub.running("u-web")
    await eventually(lambda: hub.status("u-web").phase == "Failed")
    status = hub.status("u-web")
    assert (status.reason, status.qos_class) == ("Evicted", "Burstable")
    assert status.message.startswith("The node was low on resource: memory. Threshold quantity: ")
    assert any(c.type == "MemoryPressure" and c.status == "True" for h in hub.heartbeats for c in h.conditions)


async def test_pods_stand_in_the_group_of_their_class(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start("--system-reserved", "memory=1Gi", "--eviction-hard", "")
    full = {"limits": {"cpu": "100m", "memory": "32Mi"}}
    for name, resources in (("first", full), ("second", {"requests": {"cpu": "100m"}}), ("third", {})):
        await hub.assign(pod(name, shell("cat /proc/self/cgroup > groups; exec sleep 100", resources=resources)))
        await hub.running(f"u-{name}")
    levels = {"first": "workloads", "second": "workloads/burstable", "third": "workloads/besteffort"}
    for name, level in levels.items():
        groups = agent.state_dir / "pods" / f"u-{name}" / "files" / "groups"
        await eventually(lambda told=groups, level=level, name=name: f"{level}/u-{name}.app.0" in told.read_text())
    (line,) = (line for line in groups.read_text().splitlines() if ":memory:" in line)
    top = Path("/sys/fs/cgroup/memory" + line.rpartition(":")[2]).parents[1]
    await eventually(lambda: int((top / "memory.limit_in_bytes").read_text()) == allocatable_bytes(hub))


def allocatable_bytes(hub: ScriptedHub) -> int:
    return int(hub.registrations[0].allocatable["memory"].removesuffix("Ki")) * 1024


async def test_a_program_that_is_not_there_is_told_with_its_name(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start()
    await hub.assign(pod("web", {"command": ["no-such-program"]}, restartPolicy="Never"))
    await hub.assign(pod("dir", shell("true", workingDir="/no/such/directory"), restartPolicy="Never"))
    await eventually(lambda: hub.status("u-web").phase == "Failed" and hub.status("u-dir").phase == "Failed")
    for uid, words in (("u-web", "no-such-program"), ("u-dir", "/no/such/directory")):
        ended = hub.status(uid).container_statuses[0].state.terminated
        assert ended is not None and ended.reason == "StartError" and words in ended.message


async def test_a_killed_agent_is_followed_by_one_that_knows_everything(
    hub: ScriptedHub, agent: AgentProgram, tmp_path: Path
) -> None:
    word = tmp_path / "word"
    await agent.start()
    first = hub.holder
    await hub.assign(pod("web", shell("exec sleep 100")))
    await hub.assign(pod("job", shell(f"{shell_waits_for(word)}; exit 7"), restartPolicy="Never"))
    await hub.running("u-web")
    await hub.running("u-job")
    await agent.end(signal.SIGKILL)
    word.touch()
    await agent.start()
    await eventually(lambda: hub.status("u-job").phase == "Failed")
    ended = hub.status("u-job").container_statuses[0].state.terminated
    assert ended is not None and ended.exit_code == 7
    assert hub.registrations[-1].previous_incarnation == first
    assert await hub.running("u-web") == "u-web.app.0"


async def test_a_killed_supervisor_costs_no_pod_its_life(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start()
    await hub.assign(pod("web", shell("exec sleep 100")))
    await hub.running("u-web")
    os.kill(agent.supervisor_pid(), signal.SIGKILL)
    await hub.assign(pod("next", shell("exec sleep 100")))
    await hub.running("u-next")
    assert await hub.running("u-web") == "u-web.app.0"
    await hub.delete("u-web", grace_s=1)
    await hub.gone("u-web")


async def test_sigterm_ends_the_agent_and_spares_the_workloads(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start()
    await hub.assign(pod("web", shell("echo $$$$ > pid; exec sleep 100")))
    await hub.running("u-web")
    pid_file = agent.state_dir / "pods" / "u-web" / "files" / "pid"
    pid = int(await eventually(lambda: pid_file.exists() and pid_file.read_text()))
    assert await agent.end(signal.SIGTERM) == 0
    os.kill(pid, 0)


@pytest.mark.parametrize(
    ("name", "more", "message"),
    [
        ("Node_1", (), 'invalid node name "Node_1"'),
        ("node-1", ("--labels", "zone"), 'invalid label "zone": write key=value'),
        ("node-1", ("--runtime", "magic"), "no runtime named 'magic'"),
        ("node-1", ("--nats", "nats://[nonsense"), 'invalid address of the hub "nats://[nonsense"'),
    ],
    ids=["name", "label", "runtime", "url"],
)
async def test_what_cannot_be_is_one_line_and_status_1(
    tmp_path: Path, name: str, more: tuple[str, ...], message: str
) -> None:
    program = AgentProgram("nats://127.0.0.1:1", tmp_path)
    process = await program.start(*more, name=name, ready=False)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert message in errors.decode()
    assert len(errors.decode().splitlines()) == 1


async def test_a_held_name_is_refused_with_one_line(hub: ScriptedHub, agent: AgentProgram, tmp_path: Path) -> None:
    await agent.start()
    other = AgentProgram(agent.url, tmp_path / "other")
    process = await other.start(ready=False)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1] == "setpoint-node-agent: node node-1 is held by another agent"
    assert hub.holder == hub.registrations[0].incarnation
    await eventually(lambda: not other.supervisor_pid(), what="the supervisor of the refused one has left too")


async def test_nothing_is_left_of_an_agent_without_pods_and_the_next_one_starts_at_once(
    hub: ScriptedHub, agent: AgentProgram
) -> None:
    for _ in range(2):
        await agent.start()
        assert await agent.end(signal.SIGTERM) == 0
    await eventually(lambda: not agent.supervisor_pid())


async def test_a_state_directory_in_use_is_refused(hub: ScriptedHub, agent: AgentProgram) -> None:
    await agent.start()
    second = AgentProgram(agent.url, agent.state_dir)
    process = await second.start(ready=False)
    _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert b"another agent works on state directory" in errors


async def test_an_agent_waits_for_its_hub(tmp_path: Path) -> None:
    program = AgentProgram("nats://127.0.0.1:1", tmp_path / "agent")
    await program.start(ready=False)
    sock = tmp_path / "agent" / "supervisor" / "supervisor.sock"
    await eventually(sock.exists)
    assert program.process is not None and program.process.returncode is None
    assert await program.end(signal.SIGTERM) == 0
    await program.power_off()
