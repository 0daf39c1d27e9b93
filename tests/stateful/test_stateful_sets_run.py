"""StatefulSets with real processes: made, updated and ended in order, and got out of a broken revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proto.client.typed import Client
from proto.objects.pod import Pod
from proto.objects.stateful_set import StatefulSet
from tests.stateful.beats import Trace
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "trace")


async def create(client: Client, name: str, template: dict[str, Any], **spec: Any) -> None:
    """Three of them, all available."""
    # A pod without a probe is Ready when its process is there; a second later it has left its first sign, too.
    usual = {"replicas": 3, "minReadySeconds": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    written = {"metadata": {"name": name, "namespace": "default"}, "spec": {**usual, **spec}}
    await client.create(StatefulSet.model_validate(written))
    await settled(client, name, updated=3)


async def settled(client: Client, name: str, *, replicas: int = 3, updated: int) -> StatefulSet:
    """The StatefulSet once so many pods are available, and so many of the newest revision."""

    async def check() -> StatefulSet | None:
        found = await client.get(StatefulSet, name, "default")
        status = found.status
        counts = (status.replicas, status.available_replicas, status.updated_replicas)
        assert counts == (replicas, replicas, updated), str(status)
        return found if status.observed_generation == found.metadata.generation else None

    found = await eventually(check, within_s=40, every_s=0.05, what=f"{name} has settled")
    assert found is not None
    return found


async def test_an_update_stops_at_the_partition_and_all_goes_in_order(client: Client, trace: Trace) -> None:
    strategy = {"rollingUpdate": {"partition": 2}}
    await create(client, "db", trace.template("v1"), updateStrategy=strategy)
    assert trace.began() == ["db-0:v1", "db-1:v1", "db-2:v1"]

    await client.patch(StatefulSet, "db", "default", {"spec": {"template": trace.template("v2")}})
    half = await settled(client, "db", updated=1)
    assert half.status.current_revision != half.status.update_revision
    assert half.status.current_replicas == 2

    partition = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
    await client.patch(StatefulSet, "db", "default", partition)
    whole = await settled(client, "db", updated=3)
    assert whole.status.current_revision == whole.status.update_revision
    assert trace.began()[3:] == ["db-2:v2", "db-1:v2", "db-0:v2"]

    await client.scale(StatefulSet, "db", "default", 1)
    await settled(client, "db", replicas=1, updated=1)
    ended = {life.name: life.last_s for life in trace.lives() if life.version == "v2"}
    assert ended["db-2"] < ended["db-1"] < ended["db-0"]
    assert trace.overlaps() == []
    await client.delete(StatefulSet, "db", "default")


async def test_a_broken_revision_is_left_behind_when_it_is_corrected(client: Client, trace: Trace) -> None:
    await create(client, "db2", trace.template("v1", "db2"))
    broken = trace.template("v2", "db2")
    broken["spec"]["containers"][0]["command"] = ["/bin/false"]
    await client.patch(StatefulSet, "db2", "default", {"spec": {"template": broken}})

    async def stuck() -> bool:
        pods = (await client.list(Pod, "default", field_selector="metadata.name=db2-2")).items
        return any(status.restart_count for pod in pods for status in pod.status.container_statuses)

    await eventually(stuck, within_s=30, what="db2-2 crashes")
    await client.patch(StatefulSet, "db2", "default", {"spec": {"template": trace.template("v3", "db2")}})
    await settled(client, "db2", updated=3)

    assert trace.began() == ["db2-0:v1", "db2-1:v1", "db2-2:v1", "db2-2:v3", "db2-1:v3", "db2-0:v3"]
    assert trace.overlaps() == []
    await client.delete(StatefulSet, "db2", "default")
