"""A Deployment's pod whose node was cut off and is back: the one that was asked for goes on, and only that one."""

from __future__ import annotations

import asyncio

import pytest

from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.container import Container
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import (
    DisconnectPolicy,
    OnReconnect,
    Pod,
    PodSpec,
    PodTemplateSpec,
)
from tests.sim.cluster import Cluster
from tests.sim.courses import with_a_cluster
from tests.sim.invariants import is_ready
from tests.sim.machine import SimMachine
from tests.waiting import eventually

REPLICAS = 3


def kept_apart(policy: DisconnectPolicy) -> Deployment:
    labels = {"app": "api"}
    pod = PodSpec(containers=(Container(name="main", command=("fake",)),), disconnect=policy)
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=REPLICAS, selector=LabelSelector(match_labels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name="api", namespace="default"), spec=spec)


def pods(cluster: Cluster) -> list[Pod]:
    return [pod for pod in cluster.audit.pods() if pod.metadata.labels.get("app") == "api" and not pod.deleting]


def processes(cluster: Cluster) -> set[str]:
    """The uids of the pods whose processes run, and are ours."""
    known = {pod.metadata.uid for pod in (*cluster.audit.pods(), *cluster.audit.past_pods.values())
             if pod.metadata.labels.get("app") == "api"}  # fmt: skip
    running = {uid.partition(".")[0] for machine in cluster.machines for uid in machine.processes()}
    return known & running


async def deployed(cluster: Cluster, policy: DisconnectPolicy) -> tuple[Pod, SimMachine]:
    """One of the pods, and its machine."""
    await cluster.user.client.create(kept_apart(policy))
    await eventually(lambda: len(pods(cluster)) == REPLICAS and all(map(is_ready, pods(cluster))), within_s=30)
    original = pods(cluster)[0]
    return original, next(machine for machine in cluster.machines if machine.name == original.spec.node_name)


@pytest.mark.parametrize(
    ("choice", "stays"), [("keepReplacement", False), ("keepOriginal", True), ("keepBest", True)]
)  # fmt: skip
@pytest.mark.parametrize("away_s", [6.0, 40.0])
def test_which_one_goes_on(choice: OnReconnect, stays: bool, away_s: float) -> None:
    async def course(cluster: Cluster) -> None:
        original, machine = await deployed(cluster, DisconnectPolicy(on_reconnect=choice))
        machine.cut_link()
        await asyncio.sleep(away_s)
        elsewhere = [pod for pod in pods(cluster) if is_ready(pod) and pod.spec.node_name != machine.name]
        assert len(elsewhere) >= REPLICAS
        assert original.metadata.uid in processes(cluster)
        machine.mend_link()

        def settled() -> bool:
            uids = {pod.metadata.uid for pod in pods(cluster) if is_ready(pod)}
            return len(uids) == REPLICAS and uids == processes(cluster) and len(pods(cluster)) == REPLICAS

        await eventually(settled, within_s=60)
        await asyncio.sleep(10)
        assert settled()
        assert (original.metadata.uid in processes(cluster)) is stays

    with_a_cluster(1, course)


def test_nobody_is_replaced_before_the_time_that_was_asked_for() -> None:
    async def course(cluster: Cluster) -> None:
        original, machine = await deployed(cluster, DisconnectPolicy(replace_after_seconds=20))
        machine.cut_link()
        await asyncio.sleep(20)
        assert {pod.metadata.uid for pod in pods(cluster)} >= {original.metadata.uid}
        assert len(pods(cluster)) == REPLICAS
        machine.mend_link()
        await eventually(lambda: all(map(is_ready, pods(cluster))), within_s=20)
        assert original.metadata.uid in processes(cluster)

        machine.cut_link()
        await asyncio.sleep(27)
        assert original.metadata.uid not in {pod.metadata.uid for pod in pods(cluster)}
        assert len(pods(cluster)) == REPLICAS

    with_a_cluster(2, course)
