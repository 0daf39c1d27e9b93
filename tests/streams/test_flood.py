"""A program prints as fast as it can beside twenty ordinary ones that are looked after every second."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from node_agent.settings import AgentSettings
from proto.client.typed import Client
from proto.objects.core import Event
from proto.objects.pod import Pod
from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLOOD = """\
apiVersion: v1
kind: Pod
metadata: {name: flood}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: lines, command: [/usr/bin/yes, a line of a flood]}
    - {name: one-endless-line, command: [/bin/cat, /dev/zero]}
"""

CALM = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: calm}
spec:
  replicas: 20
  selector: {matchLabels: {app: calm}}
  template:
    metadata: {labels: {app: calm}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          command: [/bin/sleep, "100000"]
          readinessProbe: &look {exec: {command: [/bin/true]}, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 1}
          livenessProbe: *look
"""

SEEN_S = 4.0
STARTED_WITHIN_S = 15.0


def disk_bytes(folder: Path, uid: str) -> int:
    """What the pod's output takes below a folder."""
    sizes = 0
    for path in folder.rglob("*"):
        if uid in str(path) and path.is_file():
            try:
                sizes += path.stat().st_blocks * 512
            except FileNotFoundError:
                continue  # It was rotated away.
    return sizes


async def test_a_flood_fills_no_disk_and_makes_nobody_wait(stage: Stage, tmp_path: Path) -> None:
    client = Client(stage.bus)
    for name, text in (("flood.yaml", FLOOD), ("calm.yaml", CALM)):
        (tmp_path / name).write_text(text)
    await stage.call("apply", "-f", str(tmp_path / "flood.yaml"))
    await stage.call("wait", "--for=condition=Ready", "pod/flood", "--timeout=20s")
    flood = await client.get(Pod, "flood", "default")
    uid, folder = flood.metadata.uid, stage.cluster.shape.data_dir
    settings = AgentSettings(node="m1")
    bound = 2 * settings.log_files_max * settings.log_bytes_max
    await eventually(lambda: disk_bytes(folder, uid) > 0.9 * bound, within_s=20, what="the flood is there")

    begun_s = time.monotonic()
    await stage.call("apply", "-f", str(tmp_path / "calm.yaml"))
    await stage.call("rollout", "status", "deployment/calm", "--timeout", f"{STARTED_WITHIN_S:g}s")
    started_s = time.monotonic() - begun_s

    most = 0
    while time.monotonic() - begun_s < started_s + SEEN_S:
        most = max(most, disk_bytes(folder, uid))
        await asyncio.sleep(0.1)
    assert most < bound + 4 * 2**20
    calm = (await client.list(Pod, "default", label_selector="app=calm")).items
    names = {pod.metadata.name for pod in calm}
    assert [sum(each.restart_count for each in pod.status.container_statuses) for pod in calm] == [0] * 20
    events = (await client.list(Event, "default")).items
    unwell = [event for event in events if event.involved_object.name in names and event.type == "Warning"]
    assert [(event.reason, event.message) for event in unwell] == []
    await stage.call("delete", "deployment/calm", "pod/flood")
