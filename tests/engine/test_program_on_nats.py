"""The control-plane program on a real NATS server: it is ready, takes over, leaves politely, and says what is wrong."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_plane.program import ControlPlane, Settings
from control_plane.store.nats import NatsLeaderKeys, open_store
from proto.bus.nats import NatsBus
from proto.clock import SystemClock
from proto.ids import RandomIds
from proto.objects.core import Namespace, Node
from proto.objects.meta import find_condition
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.hub.agent import SpokenAgent
from tests.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)) as server:
        yield server


@asynccontextmanager
async def replica(server: NatsServer, name: str) -> AsyncIterator[ControlPlane]:
    """A control plane in this process, over NATS."""
    clock, ids = SystemClock(), RandomIds()
    async with AsyncExitStack() as stack:
        bus = await NatsBus.connect(server.url, name=name)
        stack.push_async_callback(bus.close)
        store = await open_store(bus, clock)
        stack.push_async_callback(store.close)
        keys = await NatsLeaderKeys.open(bus, clock)
        stack.push_async_callback(keys.close)
        made = ControlPlane(bus, store, keys, clock, ids, Settings(name))
        stack.push_async_callback(made.stop)
        await made.start()
        yield made


@dataclass
class Started:
    """A started program and its first line."""

    process: asyncio.subprocess.Process
    line: str


Launch = Callable[..., Awaitable[Started]]


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    """Starts the program; what still runs at the end is killed."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str, ready: bool = True) -> Started:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "control_plane", *arguments,
            cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        processes.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30) if ready else b""
        return Started(process, line.decode())

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_restart_of_the_server_costs_no_node_its_name(nats_server: NatsServer) -> None:
    async with replica(nats_server, "a") as control_plane:
        assert control_plane.mirror.get(Namespace, "", "default") is not None
        bus = await NatsBus.connect(nats_server.url, name="n1")
        agent = SpokenAgent(bus, "n1", "one")
        await agent.join()

        def ready() -> str:
            node = control_plane.mirror.get(Node, "", "n1")
            condition = find_condition(node.status.conditions, "Ready") if node is not None else None
            return condition.status if condition is not None else ""

        await eventually(lambda: ready() == "True")
        verdicts: list[str] = []
        unsubscribe = control_plane.mirror.subscribe(lambda event: verdicts.append(ready()))
        await nats_server.kill()
        await asyncio.sleep(1.0)
        await nats_server.start()
        await eventually(lambda: control_plane.leading, within_s=15)
        heard = agent.sequence
        await eventually(lambda: agent.sequence >= heard + 6, within_s=15)
        assert set(verdicts) <= {"True"}
        assert ready() == "True"
        unsubscribe()
        await agent.stop()
        await bus.close()


async def test_when_the_leader_is_killed_the_other_leads_and_a_polite_one_hands_over(
    nats_server: NatsServer, launch: Launch
) -> None:
    killed = await launch("--nats", nats_server.url, "--name", "first")
    assert killed.line.startswith("ready name=first-")
    async with replica(nats_server, "second") as second:
        assert not second.leading
        began_s = time.monotonic()
        killed.process.kill()
        await eventually(lambda: second.leading, within_s=10)
        assert time.monotonic() - began_s < 3.0
        third = await launch("--nats", nats_server.url, "--name", "third")
    third.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(third.process.wait(), 10) == 0


async def test_a_program_that_waits_for_its_server_can_be_stopped(launch: Launch, tmp_path: Path) -> None:
    server = NatsServer(NatsOptions(tmp_path / "gone", sync_always=False))
    await server.start()
    url = server.url
    await server.close()
    waiting = await launch("--nats", url, ready=False)
    assert waiting.process.stderr is not None
    assert b"refused" in await asyncio.wait_for(waiting.process.stderr.readline(), 20)
    waiting.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(waiting.process.wait(), 5) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nats", "nats://hub:notaport"), "cannot reach the NATS server at nats://hub:notaport"),
        (("--grace-s", "0.5"), "--grace-s must be longer than --heartbeat-s (0.75), found 0.5"),
        (("--grace-s", "30"), "--lease-s must be longer than --grace-s (30), found 15"),
        (("--heartbeat-s", "never"), "--heartbeat-s"),
    ],
    ids=["no address", "a grace without a heartbeat", "a lease without a grace", "no number"],
)
async def test_what_cannot_start_says_so_without_a_traceback(
    launch: Launch, arguments: tuple[str, ...], message: str
) -> None:
    started = await launch(*arguments)
    _, errors = await asyncio.wait_for(started.process.communicate(), 30)
    assert started.process.returncode in (1, 2)
    assert message in errors.decode()
    assert "Traceback" not in errors.decode()
