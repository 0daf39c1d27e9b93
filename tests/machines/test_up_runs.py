"""`setpoint up`, as the real program: it is found without being named, and goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from setpoint.up import node_names
from tests.waiting import eventually

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleeper}
spec:
  replicas: 2
  selector: {matchLabels: {app: sleeper}}
  template:
    metadata: {labels: {app: sleeper}}
    spec: {containers: [{name: main, command: [sleep, "1000"], env: [{name: HERE, value: HERE_IS}]}]}
"""


def environment(home: Path) -> dict[str, str]:
    """A user who never named a server."""
    rest = {name: value for name, value in os.environ.items() if name != "NATS_URL"}
    return {**rest, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "XDG_DATA_HOME": str(home / "data")}


async def setpoint(home: Path, *arguments: str) -> str:
    """What a command prints; it must succeed."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "setpoint.cli.main", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(home),
    )
    said, errors = await asyncio.wait_for(command.communicate(), 30)
    assert command.returncode == 0, errors.decode()
    return said.decode()


@asynccontextmanager
async def up(home: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A cluster that is up; stopped with Ctrl-C's signal at the end, unless it ended otherwise."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "setpoint.cli.main", "up", "--port", "0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        env=environment(home),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (line := await process.stdout.readline()).startswith(b"State is kept"):
                assert line, "it ended"
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ready_pods(home: Path) -> set[str]:
    pods = json.loads(await setpoint(home, "get", "pods", "-o", "json"))["items"]
    conditions = {
        pod["metadata"]["name"]: {c["type"]: c["status"] for c in pod["status"].get("conditions", ())} for pod in pods
    }
    return {name for name, found in conditions.items() if found.get("Ready") == "True"}


def processes_of(home: Path) -> list[str]:
    """Everything whose arguments or environment lead to this user's home, the test's own process left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(home) in words and process.name != str(os.getpid()):
            found.append(words.decode(errors="replace"))
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
async def test_it_goes_on_where_it_ended(tmp_path: Path, end: signal.Signals) -> None:
    manifest = tmp_path / "sleeper.yaml"
    manifest.write_text(MANIFEST.replace("HERE_IS", str(tmp_path)))
    async with up(tmp_path) as first:
        assert f"{node_names(1)[0]} " in await setpoint(tmp_path, "get", "nodes")
        await setpoint(tmp_path, "apply", "-f", str(manifest))
        await setpoint(tmp_path, "rollout", "status", "deployment/sleeper", "--timeout", "30")
        before = await ready_pods(tmp_path)
        assert len(before) == 2
        first.send_signal(end)
        await asyncio.wait_for(first.wait(), 30)
    await eventually(lambda: processes_of(tmp_path) == [], what="no process is left")

    async with up(tmp_path):

        async def same_pods() -> bool:
            return await ready_pods(tmp_path) == before

        await eventually(same_pods, within_s=30, every_s=0.3, what="the same pods are Ready again")


async def test_several_machines_are_found_on_loopback(tmp_path: Path) -> None:
    async with up(tmp_path, "--machines", "3"):
        note = json.loads((tmp_path / "state" / "setpoint" / "current.json").read_text())
        assert note["nats"].startswith("nats://127.0.0.1:")
        nodes = json.loads(await setpoint(tmp_path, "get", "nodes", "-o", "json"))["items"]
        assert {node["metadata"]["name"] for node in nodes} == set(node_names(3))
    assert not (tmp_path / "state" / "setpoint" / "current.json").exists()
