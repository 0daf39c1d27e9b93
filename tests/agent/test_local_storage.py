"""What pods take of the disk: how it is measured, which limits are exceeded by it, and the eviction that follows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from node_agent.plan.config import Config
from node_agent.plan.environment import Host
from node_agent.plan.local_storage import excess, is_limited
from node_agent.plan.volumes import Content, MountPoint, Volumes, content_of
from node_agent.storage.disk import DiskStorage
from node_agent.storage.port import PodSpace, Space
from node_agent.volumes.keeper import VolumeKeeper
from proto.objects.pod import Pod
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.waiting import eventually

MIB = 2**20


def holding(limit: str | None, medium: str = "") -> list[dict[str, Any]]:
    return [{"name": "v", "emptyDir": {"medium": medium, **({"sizeLimit": limit} if limit else {})}}]


def limited(*limits: str, volumes: list[dict[str, Any]] | None = None) -> Pod:
    """Containers `a`, `b`, … with these limits of ephemeral storage; "" is none."""
    containers = [
        {"name": "abc"[index], "resources": {"limits": {"ephemeral-storage": limit} if limit else {}}}
        for index, limit in enumerate(limits)
    ]
    return pod("x", *containers, volumes=volumes or [])


def taken(files: int = 0, volume: int = 0, **logs: int) -> PodSpace:
    logged = {name: Space(mib * MIB) for name, mib in logs.items()}
    return PodSpace(Space(files * MIB), logged, {"v": Space(volume * MIB)})


@pytest.mark.parametrize(
    ("of", "space", "message"),
    [
        pytest.param(limited("", volumes=holding("10Mi")), taken(volume=10), "", id="as much as the limit"),
        pytest.param(limited("", volumes=holding("10Mi")), taken(volume=11),
                     'Usage of EmptyDir volume "v" exceeds the limit "10Mi". ', id="a volume"),
        pytest.param(limited("", volumes=holding("0")), taken(volume=11), "", id="nought is no limit"),
        pytest.param(limited("", volumes=holding("10Mi")), PodSpace(), "", id="not made yet"),
        pytest.param(limited("10Mi", "10Mi"), taken(files=5, volume=5, a=5, b=5), "", id="all together"),
        pytest.param(limited("10Mi", "10Mi"), taken(files=9, volume=4, a=4, b=4),
                     "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ", id="too much"),
        pytest.param(limited("10Mi", "1Gi"), taken(a=11, b=2),
                     'Container a exceeded its local ephemeral storage limit "10Mi". ', id="too much output of one"),
        pytest.param(limited("", ""), taken(files=900, a=900), "", id="no limit"),
    ],
)  # fmt: skip
def test_which_limit_is_exceeded(of: Pod, space: PodSpace, message: str) -> None:
    assert excess(of, space) == message


def test_only_pods_with_limits_are_measured() -> None:
    assert is_limited(limited("1Mi")) and is_limited(limited("", volumes=holding("1Mi")))
    assert not is_limited(limited("", volumes=holding(None)))
    assert not is_limited(limited("", volumes=holding("1Mi", "Memory")))


@pytest.mark.parametrize(
    ("size_limit", "memory", "size"),
    [(None, "", None), ("1Mi", "", MIB), ("1Gi", "2Mi", 2 * MIB), (None, "2Mi", 2 * MIB), ("1Mi", "2Mi", MIB)],
)
def test_how_large_a_volume_in_memory_is(size_limit: str | None, memory: str, size: int | None) -> None:
    limits = {"memory": memory} if memory else {}
    one = pod("x", {"resources": {"limits": limits}}, volumes=holding(size_limit, "Memory"))
    assert content_of(one.spec.volumes[0], one, Config(), Host("n", "10.0.0.1")) == Content(
        medium="Memory", size_bytes=size
    )


async def test_the_space_of_every_part_of_a_pod(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    storage.open()
    (storage.prepare_pod("u") / "big").write_bytes(bytes(100_000))
    log = storage.log_path("u", "app", 0)
    log.parent.mkdir(parents=True)
    log.write_bytes(bytes(50_000))
    volume = storage.volume_dir("u", "v")
    (volume / "deep").mkdir(parents=True)
    (volume / "deep" / "file").write_bytes(bytes(20_000))
    (volume / "link").symlink_to(tmp_path)
    message = storage.message_path("u", "app", 0)
    message.parent.mkdir()
    message.write_bytes(bytes(30_000))
    storage.message_path("u", "other", 12).write_bytes(bytes(30_000))
    space = await storage.space_of("u")
    assert 100_000 <= space.files.bytes < 120_000 and 80_000 <= space.logs["app"].bytes < 110_000
    assert 30_000 <= space.logs["other"].bytes < 40_000
    assert 20_000 <= space.volumes["v"].bytes < 40_000 and space.volumes["v"].inodes == 4
    assert space.total.inodes == 2 + 2 + 4 + 2
    storage.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
async def test_a_volume_in_memory_is_bounded_counts_not_as_disk_and_goes_with_its_pod(tmp_path: Path) -> None:
    storage = DiskStorage(tmp_path)
    storage.open()
    keeper = VolumeKeeper(storage)
    wanted = Volumes({"v": Content(medium="Memory", size_bytes=MIB)}, (MountPoint("v", "/v"),))
    ((source, _, _),) = await keeper.mounts_of("u", wanted, -1)
    (Path(source) / "kept").touch()
    await keeper.mounts_of("u", wanted, -1)
    assert (Path(source) / "kept").exists(), "a second container sees the same one"
    with pytest.raises(OSError, match="No space left"):
        (Path(source) / "large").write_bytes(bytes(2 * MIB))
    assert "v" not in (await storage.space_of("u")).volumes
    (Path(source) / "deep").mkdir()
    elsewhere = os.open(source, os.O_RDONLY)
    await storage.remove_pod("u")
    left = list(Path(f"/proc/self/fd/{elsewhere}").iterdir())
    assert left == [], "a copy of the mount in another program's view keeps no memory"
    os.close(elsewhere)
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text() and not (tmp_path / "pods" / "u").exists()
    storage.close()


@scenario
async def test_a_pod_that_takes_too_much_is_evicted(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("large", fake("--ignore-term"), volumes=holding("10Mi")))
    await cluster.hub.assign(pod("other", fake()))
    await cluster.hub.running("u-large")
    await cluster.hub.running("u-other")
    cluster.storage.spaces["u-large"] = cluster.storage.spaces["u-other"] = taken(volume=9)
    await cluster.clock.sleep(30)
    assert cluster.hub.status("u-large").phase == "Running"
    cluster.storage.spaces["u-large"] = cluster.storage.spaces["u-other"] = taken(volume=11)
    await eventually(lambda: cluster.hub.status("u-large").phase == "Failed", within_s=20)
    status = cluster.hub.status("u-large")
    assert (status.reason, status.message) == ("Evicted", 'Usage of EmptyDir volume "v" exceeds the limit "10Mi". ')
    assert any(event.reason == "Evicted" and event.message == status.message for event in cluster.hub.events)
    assert cluster.hub.status("u-other").phase == "Running"
