"""One cluster for all tests of the command line, and the real program to call."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Setpoint:
    """Calls `setpoint` as a process, as a person does."""

    url: str
    home: Path

    async def __call__(self, *words: str, stdin: str = "", ok: bool = True, timeout_s: float = 60) -> Outcome:
        """Run one call to its end; with `ok` it must succeed."""
        process = await self.start(*words)
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), timeout_s)
        outcome = Outcome(process.returncode or 0, out.decode(), err.decode())
        assert "Traceback" not in outcome.err, outcome.err
        if ok:
            assert outcome.status == 0, f"{words}: {outcome}"
        return outcome

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Start one call and leave it running."""
        environment = {**os.environ, "NATS_URL": self.url, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home)}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "setpoint.cli.main", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def setpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Setpoint]:
    """The program, pointed at a cluster of two machines."""
    folder = tmp_path_factory.mktemp("cluster")
    shape = ClusterShape(data_dir=folder, machines=("m1", "m2"), isolation="groups")
    async with LocalCluster(shape) as cluster:
        call = Setpoint(cluster.url, folder)

        async def ready() -> bool:
            nodes = await call("get", "nodes", "--no-headers", ok=False)
            return [line.split()[1] for line in nodes.out.splitlines()] == ["Ready", "Ready"]

        await eventually(ready, within_s=30, what="both nodes are Ready")
        yield call


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A Deployment of two pods that print and sleep."""
    path = tmp_path / "web.yaml"
    path.write_text(WEB)
    return path


WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          command: [/bin/sh, -c, "echo started $POD; exec sleep 1000"]
          env:
            - name: POD
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
"""
