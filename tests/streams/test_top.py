"""What nodes and pods use, asked of the machines themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_pods_and_their_containers(stage: Stage) -> None:
    shown = (await stage.call("top", "pod", "web", "--containers")).out.splitlines()
    assert shown[0].split() == ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert [line.split()[:2] for line in shown[1:]] == [["web", "app"], ["web", "side"]]
    assert all(line.split()[2].endswith("m") and line.split()[3].endswith("Mi") for line in shown[1:])
    whole = (await stage.call("top", "pods", "-A", "-l", "app=web", "--sort-by", "memory", "--sum")).out.splitlines()
    assert whole[0].split() == ["NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert whole[1].split()[:2] == ["default", "web"]
    assert whole[-1].split() == whole[1].split()[2:]


async def test_who_has_only_a_nats_client_asks_in_json(stage: Stage) -> None:
    told = json.loads((await stage.bus.request("sp.node.m1.down.usage", b"{}", timeout_s=5)).data)
    (side,) = (each for each in told["containers"] if (each["pod"], each["container"]) == ("web", "side"))
    assert side["memoryBytes"] > 0 and told["node"]["memory"].endswith("Ki")


async def test_what_pods_wait_for(stage: Stage) -> None:
    header, line = (await stage.call("top", "pod", "web", "--waits")).out.splitlines()
    assert header.split()[3:] == ["PROCESSES", "THROTTLED", "CPU-WAIT", "MEMORY-WAIT", "IO-WAIT", "OOM-KILLS"]
    processes, throttled, *waits, oom_kills = line.split()[3:]
    assert (int(processes) >= 3, throttled, oom_kills) == (True, "-", "0")
    assert all(wait.endswith("%") for wait in waits)


FORGETFUL = """\
apiVersion: v1
kind: Pod
metadata: {name: forgetful}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      command: [/bin/sh, -c, "[ -e mark ] && exec sleep 100000; touch mark; exec tail /dev/zero"]
      resources: {limits: {memory: 16Mi}}
"""


async def test_kills_for_memory_count_from_life_to_life(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(FORGETFUL)
    await stage.call("apply", "-f", str(tmp_path / "pod.yaml"))

    async def counted() -> bool:
        shown = await stage.call("top", "pod", "forgetful", "--waits", "--no-headers", ok=False)
        return shown.out.split()[-1:] == ["1"]

    await eventually(counted)
    await stage.call("delete", "pod", "forgetful")


async def test_nodes(stage: Stage) -> None:
    line = (await stage.call("top", "node", "m1", "--no-headers")).out.split()
    assert (line[0], line[2][-1], line[4][-1]) == ("m1", "%", "%")


async def test_what_is_not_there(stage: Stage) -> None:
    assert 'pods "no" not found' in (await stage.call("top", "pod", "no", ok=False)).err
    assert "no resources found" in (await stage.call("top", "pod", "-l", "app=no", ok=False)).err
