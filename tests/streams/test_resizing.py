"""Resizing a real pod by the command line: what the kernel is told, what the status says, which process goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from proto.client.typed import Client
from proto.conditions import RESIZE_CONDITIONS
from proto.objects.container import ResourceRequirements
from proto.objects.core import Node
from proto.objects.meta import find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from proto.quantity import whole
from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1 << 20
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: sized}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      command: [/usr/bin/env, python3, -c, "b = bytearray(24 << 20); import time; time.sleep(10000)"]
      resources: {requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}
    - name: anew
      command: [/bin/sleep, "100000"]
      resources: {requests: {memory: 16Mi}, limits: {memory: 32Mi}}
      resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]
"""
LIMIT_OF_CPU = [{"op": "replace", "path": "/spec/containers/0/resources/limits/cpu", "value": "500m"}]


class Sized:
    """The pod that is resized."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._client = Client(stage.bus)

    async def pod(self) -> Pod:
        """The pod as it is."""
        return await self._client.get(Pod, "sized", "default")

    async def container(self, name: str) -> ContainerStatus:
        """The status of a container."""
        return next(status for status in (await self.pod()).status.container_statuses if status.name == name)

    async def kernel(self, name: str, controller: str, file: str) -> str:
        """What stands in a file of a container's latest group."""
        container_id = (await self.container(name)).container_id.rpartition("/")[2]
        (found,) = Path("/sys/fs/cgroup", controller, "setpoint").glob(f"*/workloads/burstable/{container_id}/{file}")
        return found.read_text().strip()

    async def set(self, container: str, *amounts: str) -> None:
        """Have other amounts."""
        await self.stage.call("set", "resources", "pod/sized", "-c", container, *amounts)

    async def waits(self, kind: str, reason: str) -> str:
        """Wait for a condition with a reason; its message."""

        async def look() -> str | None:
            found = find_condition((await self.pod()).status.conditions, kind)
            return found.message if found is not None and found.reason == reason else None

        return await eventually(look, what=f"{kind}: {reason}") or ""

    async def settled(self) -> bool:
        """Whether nothing tells of a resize any more."""
        conditions = (await self.pod()).status.conditions
        return not any(find_condition(conditions, kind) for kind in RESIZE_CONDITIONS)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sized(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sized]:
    manifest = tmp_path_factory.mktemp("sized") / "pod.yaml"
    manifest.write_text(POD)
    await stage.call("apply", "-f", str(manifest))
    await stage.call("wait", "--for=condition=Ready", "pod/sized", "--timeout=30s")
    yield Sized(stage)
    await stage.call("delete", "pod", "sized")


async def test_a_patch_changes_what_the_kernel_enforces_and_nothing_is_restarted(sized: Sized) -> None:
    before = (await sized.container("app")).container_id
    patch = json.dumps(LIMIT_OF_CPU)
    await sized.stage.call("patch", "pod", "sized", "--subresource", "resize", "--type", "json", "-p", patch)

    async def in_force() -> bool:
        return await sized.kernel("app", "cpu", "cpu.cfs_quota_us") == "50000"

    await eventually(in_force)
    await sized.set("app", "--limits=memory=96Mi", "--requests=cpu=150m,memory=48Mi")

    async def told() -> bool:
        status, requests = await sized.container("app"), {"cpu": "150m", "memory": "48Mi"}
        wanted = ResourceRequirements(limits={"cpu": "500m", "memory": "96Mi"}, requests=requests)
        return status.resources == wanted and status.allocated_resources == requests

    await eventually(told)
    assert await sized.kernel("app", "memory", "memory.limit_in_bytes") == str(96 * MIB)
    assert await sized.kernel("app", "cpu", "cpu.shares") == str(150 * 1024 // 1000)
    after = await sized.container("app")
    assert (after.container_id, after.restart_count) == (before, 0)
    await eventually(sized.settled)


async def test_a_container_that_must_start_anew_for_it_does(sized: Sized) -> None:
    await sized.set("anew", "--limits=memory=40Mi")

    async def anew() -> bool:
        status = await sized.container("anew")
        return status.restart_count == 1 and status.state.running is not None

    await eventually(anew)
    assert await sized.kernel("anew", "memory", "memory.limit_in_bytes") == str(40 * MIB)
    assert (await sized.container("app")).restart_count == 0


async def test_all_pods_together_get_what_is_allocatable(sized: Sized) -> None:
    allocatable = (await Client(sized.stage.bus).get(Node, "m1")).status.allocatable["memory"]
    container_id = (await sized.container("app")).container_id.rpartition("/")[2]
    (found,) = Path("/sys/fs/cgroup/memory/setpoint").glob(f"*/workloads/burstable/{container_id}")
    limit = int((found.parent.parent / "memory.limit_in_bytes").read_text())
    assert limit // 4096 == whole(allocatable) // 4096


async def test_what_the_node_has_not_is_infeasible_and_what_is_in_use_is_not_taken(sized: Sized) -> None:
    await sized.set("app", "--limits=cpu=4k", "--requests=cpu=4k")
    assert "Node didn't have enough capacity: cpu, requested: 4000" in await sized.waits(
        "PodResizePending", "Infeasible"
    )
    await sized.set("app", "--limits=cpu=500m,memory=16Mi", "--requests=cpu=150m,memory=16Mi")
    assert "bytes of memory are in use, more than" in await sized.waits("PodResizeInProgress", "Error")
    await sized.set("app", "--limits=memory=96Mi", "--requests=memory=48Mi")
    await eventually(sized.settled)
