"""A machine is lost: its pods of a StatefulSet are not made elsewhere before it is certain that they run no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proto import codec
from proto.objects.core import Node
from proto.objects.pod import Pod
from proto.objects.stateful_set import StatefulSet
from setpoint.local.cluster import ClusterShape
from tests.failures.observing import Observer, observer_of
from tests.stateful.beats import Trace
from tests.waiting import eventually

REPLICAS = 3
MACHINES = ("m1", "m2", "m3")


@asynccontextmanager
async def observed(folder: Path, *, lease_s: int) -> AsyncIterator[Observer]:
    """A cluster whose machines hold their leases for so long, and three pods, one a machine."""
    arguments = ("--lease-s", str(lease_s))
    shape = ClusterShape(data_dir=folder / "cluster", machines=MACHINES, control_plane_arguments=arguments)
    async with observer_of(shape) as seen:
        yield seen


async def deployed(observer: Observer, trace: Trace, **spec: Any) -> None:
    """Three pods, one a machine."""
    usual = {"replicas": REPLICAS, "selector": {"matchLabels": {"app": "db"}}, "template": trace.template("v1")}
    written = {"metadata": {"name": "db", "namespace": "default"}, "spec": {**usual, **spec}}
    await observer.client.create(StatefulSet.model_validate(written))
    await observer.settled(REPLICAS)


async def replaced(observer: Observer, victim: str, before: dict[str, Pod]) -> None:
    """Only the pod of the lost machine is another one now, elsewhere."""
    await observer.settled(REPLICAS)
    after = await observer.pods()
    changed = {name for name in before if after[name].metadata.uid != before[name].metadata.uid}
    assert changed == {name for name, pod in before.items() if pod.spec.node_name == victim}
    assert victim not in {pod.spec.node_name for pod in after.values()}


async def test_a_machine_that_is_cut_off_stops_its_pod_before_it_is_made_elsewhere(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    async with observed(tmp_path, lease_s=5) as observer:
        await deployed(observer, trace)
        before = await observer.pods()
        victim = before["db-1"].spec.node_name
        await observer.cluster.machines[victim].cut()
        await observer.node_lost(victim)

        async def elsewhere() -> bool:
            return any(life.name == "db-1" and life.uid != before["db-1"].metadata.uid for life in trace.lives())

        await eventually(elsewhere, within_s=20, what="db-1 runs on another machine")
        # Its old process ended of itself: the machine is still cut off.
        assert trace.overlaps() == []
        await observer.cluster.machines[victim].heal()
        await observer.all_ready(len(MACHINES))
        await replaced(observer, victim, before)
        assert trace.overlaps() == []


async def test_a_machine_without_power_keeps_its_pod_until_a_person_vouches_for_it(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    async with observed(tmp_path, lease_s=600) as observer:
        await deployed(observer, trace)
        before = await observer.pods()
        victim = before["db-1"].spec.node_name
        await observer.cluster.power_off(victim)
        await observer.node_lost(victim)

        async def given_up() -> bool:
            taints = (await observer.client.get(Node, victim)).spec.taints
            return any(taint.effect == "NoExecute" for taint in taints)

        await eventually(given_up, within_s=10, what="the lost machine is evicted")
        assert (await observer.pods())["db-1"].metadata.uid == before["db-1"].metadata.uid

        taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        node = codec.to_dict(await observer.client.get(Node, victim))
        await observer.client.patch(Node, victim, "", {"spec": {"taints": [*node["spec"]["taints"], taint]}})
        await replaced(observer, victim, before)
        assert trace.overlaps() == []
