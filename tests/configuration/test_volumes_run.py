"""Volumes of real pods: what their programs find, and what becomes of it when its source changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proto.objects.core import ConfigMap, Event
from proto.objects.meta import ObjectMeta
from proto.objects.pod import Pod
from proto.objects.secret import Secret
from tests.configuration.seeing import WITHIN_S, Seeing, shell
from tests.waiting import eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give programs a view of their own"),
]


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data=data, binary_data={"raw": "/wA="})


async def test_files_of_every_source_are_there_and_only_for_the_pod(machine: Seeing, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    script = (
        f"set -e; cd {inside}; test $(cat config/level) = debug; test $(stat -Lc %a config/level) = 640; "
        "test $(wc -c < config/raw) = 2; test $(cat all/pw/word) = s3cret; test $(cat all/name) = files; "
        "grep -q '^app=\"web\"$' all/labels; test $(cat all/limit) = 250; test $(cat one) = debug; "
        "! touch config/new 2>/dev/null; touch empty/x other/y; test -e empty/y; "
        "! head -c 2000000 /dev/zero > memory/x 2>/dev/null; test $(stat -c %s memory/x) -le 1048576; "
        "echo done > host/out"
    )
    projected = {
        "sources": [
            {"secret": {"name": "pw-files", "items": [{"key": "word", "path": "pw/word", "mode": 0o400}]}},
            {"downwardAPI": {"items": [
                {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "limit",
                 "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu", "divisor": "1m"}},
            ]}},
            {"configMap": {"name": "not-there", "optional": True}},
        ]
    }  # fmt: skip
    volumes = [
        {"name": "config", "configMap": {"name": "files", "defaultMode": 0o640}},
        {"name": "all", "projected": projected},
        {"name": "empty", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "host", "hostPath": {"path": f"{tmp_path}/host", "type": "DirectoryOrCreate"}},
    ]
    mounts = [
        {"name": name, "mountPath": f"{inside}/{name}"} for name in ("config", "all", "empty", "memory", "host")
    ] + [
        {"name": "empty", "mountPath": f"{inside}/other"},
        {"name": "config", "mountPath": f"{inside}/one", "subPath": "level"},
    ]
    pod = shell("files", script, volumeMounts=mounts, resources={"limits": {"cpu": "250m"}}, pod={"volumes": volumes})
    pod = pod.model_copy(update={"metadata": ObjectMeta(name="files", namespace="default", labels={"app": "web"})})
    await machine.make(
        config_map("files", level="debug"),
        Secret(metadata=ObjectMeta(name="pw-files", namespace="default"), string_data={"word": "s3cret"}),
        pod,
    )
    assert await machine.ended("files") == 0
    assert (tmp_path / "host" / "out").read_text() == "done\n"
    assert list((inside / "config").iterdir()) == []
    await machine.gone("files")


async def test_a_missing_source_holds_the_pod_and_a_change_reaches_the_files(machine: Seeing, tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = f"while :; do cat {tmp_path}/seen/level > {out}.new 2>/dev/null && mv {out}.new {out}; sleep 0.1; done"
    volumes = [{"name": "v", "configMap": {"name": "changes"}}]
    mounts = [{"name": "v", "mountPath": f"{tmp_path}/seen"}]
    await machine.make(shell("follows", script, restart="Always", volumeMounts=mounts, pod={"volumes": volumes}))
    message = 'MountVolume.SetUp failed for volume "v" : configmap "changes" not found'
    assert await machine.waits("follows", "ContainerCreating") == message
    assert await machine.event("follows", "FailedMount") == message

    await machine.make(config_map("changes", level="one"))
    await eventually(lambda: out.exists() and out.read_text() == "one", within_s=WITHIN_S, what="it is read")
    await machine.client.patch(ConfigMap, "changes", "default", {"data": {"level": "two"}})
    await eventually(lambda: out.read_text() == "two", within_s=WITHIN_S, what="its change is read")
    await machine.client.delete(ConfigMap, "changes", "default")
    found = await machine.client.get(Pod, "follows", "default")
    assert found.status.container_statuses[0].restart_count == 0
    await machine.gone("follows")


async def test_a_host_path_of_the_wrong_type_is_told_and_mended(machine: Seeing, tmp_path: Path) -> None:
    place = tmp_path / "place"
    volumes = [{"name": "v", "hostPath": {"path": str(place), "type": "Directory"}}]
    mounts = [{"name": "v", "mountPath": f"{tmp_path}/seen", "readOnly": True}]
    await machine.make(shell("hosted", f"! touch {tmp_path}/seen/x", volumeMounts=mounts, pod={"volumes": volumes}))
    message = f'MountVolume.SetUp failed for volume "v" : hostPath {place}: No such file or directory'
    assert await machine.waits("hosted", "ContainerCreating") == message
    assert await machine.event("hosted", "FailedMount") == message
    place.mkdir()
    assert await machine.ended("hosted") == 0
    told = (await machine.client.list(Event, "default")).items
    assert "FailedSync" not in {event.reason for event in told if event.involved_object.name == "hosted"}
