"""One cluster for all tests of streams, with a pod to talk to and one that talks, and the real program to call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from proto.bus.nats import NatsBus
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.cli.conftest import Setpoint
from tests.waiting import eventually

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      command: [/bin/sh, -c, "while :; do sleep 1; done"]
      env: [{name: COLOR, value: red}]
    - name: side
      command: [/bin/sleep, "100000"]
---
apiVersion: v1
kind: Pod
metadata: {name: talk, labels: {app: talk}}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
    - name: early
      command: [/bin/echo, "it begins"]
  containers:
    - name: count
      command: [/bin/sh, -c, "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"]
    - name: much
      command: [/bin/sh, -c, "yes a line of much output | head -n 500000; exec sleep 100000"]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A cluster with one machine, a client of its bus, and the program `setpoint`."""

    cluster: LocalCluster
    bus: NatsBus
    call: Setpoint


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("cluster")
    shape = ClusterShape(data_dir=folder, machines=("m1",), isolation="groups", sync_always=False)
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        made = Stage(cluster, bus, Setpoint(cluster.url, folder))
        manifest = folder / "pod.yaml"
        manifest.write_text(POD)

        async def applied() -> bool:
            return (await made.call("apply", "-f", str(manifest), ok=False)).status == 0

        await eventually(applied, within_s=30, what="the pod is applied")
        await made.call("wait", "--for=condition=Ready", "pod/web", "pod/talk", "--timeout=30s")
        yield made
        await bus.close()
