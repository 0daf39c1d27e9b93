"""A machine is lost: its pods of a StatefulSet are not made elsewhere before it is certain that they run no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.objects.core import Node
from proto.objects.pod import Pod
from proto.objects.stateful_set import StatefulSet
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.failures.observing import Observer
from tests.stateful.beats import Trace
from tests.waiting import eventually

REPLICAS = 3
MACHINES = ("m1", "m2", "m3")


@pytest.fixture
async def observer(tmp_path: Path) -> AsyncIterator[Observer]:
    async with LocalCluster(ClusterShape(data_dir=tmp_path / "cluster", machines=MACHINES)) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            seen = Observer(cluster, bus, Client(bus, timeout_s=5))
            await seen.all_ready(len(MACHINES))
            yield seen
        finally:
            await bus.close()


async def deployed(observer: Observer, trace: Trace, **spec: Any) -> None:
    """Three pods, one a machine."""
    usual = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": "db"}}, "template": trace.template("v1")}
    written = {"metadata": {"name": "db", "namespace": "default"}, "spec": {**usual, **spec}}
    await observer.client.create(StatefulSet.model_validate(written))
    await observer.settled(REPLICAS)


async def test_a_machine_without_power_keeps_its_pod_until_a_person_vouches_for_it(
    observer: Observer, tmp_path: Path
) -> None:
    trace = Trace(tmp_path / "trace")
    await deployed(observer, trace)
    before = await observer.pods()
    victim = before["db-1"].spec.node_name

    await observer.cluster.power_off(victim)
    await observer.node_lost(victim)

    async def evicted() -> Pod | None:
        pod = (await observer.pods())["db-1"]
        return pod if pod.deleting else None

    waiting = await eventually(evicted, within_s=10, what="db-1 is to leave the lost machine")
    assert waiting is not None
    assert waiting.metadata.uid == before["db-1"].metadata.uid

    taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
    node = await observer.client.get(Node, victim)
    taints = [*(one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in node.spec.taints), taint]
    await observer.client.patch(Node, victim, "", {"spec": {"taints": taints}})

    await observer.settled(REPLICAS)
    after = await observer.pods()
    assert after["db-1"].spec.node_name != victim
    assert {name: after[name].metadata.uid for name in ("db-0", "db-2")} == {
        name: before[name].metadata.uid for name in ("db-0", "db-2")
    }
    assert trace.overlaps() == []
