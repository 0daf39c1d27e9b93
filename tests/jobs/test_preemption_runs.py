"""Preemption and quotas with real programs and real replicas: who matters more runs, and nobody shares the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proto.client.typed import Client
from proto.errors import ApiError, Forbidden, NotFound, Timeout, Unavailable
from proto.objects.apps import ReplicaSet, ReplicaSetSpec
from proto.objects.container import Container, ResourceRequirements
from proto.objects.core import ConfigMap, Event, Node
from proto.objects.meta import LabelSelector, ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from proto.objects.quota import ResourceQuota, ResourceQuotaSpec
from proto.objects.scheduling import PriorityClass
from proto.quantity import cpu_millis, format_cpu
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.waiting import eventually

POLITE = "trap 'sleep 0.5; exit 0' TERM; while :; do sleep 0.05; done"


@asynccontextmanager
async def cluster(folder: Path, *, machines: tuple[str, ...], control_planes: int) -> AsyncIterator[Client]:
    shape = ClusterShape(folder, machines=machines, control_planes=control_planes, isolation="groups")
    async with client_of(shape) as client:

        async def answers() -> bool:
            try:
                return bool(await client.get(PriorityClass, "system-node-critical"))
            except (NotFound, Timeout, Unavailable) as nobody:
                raise AssertionError(nobody.message) from None

        await eventually(answers, within_s=20, what="the API answers")
        yield client


def spec(cpu: str, priority_class: str = "") -> PodSpec:
    resources = ResourceRequirements(requests={"cpu": cpu})
    container = Container(name="main", command=("/bin/sh", "-c", POLITE), resources=resources)
    return PodSpec(containers=(container,), priority_class_name=priority_class)


async def phase(client: Client, name: str) -> str:
    return (await client.get(Pod, name, "default")).status.phase


async def test_who_matters_more_gets_the_machine(tmp_path: Path) -> None:
    async with cluster(tmp_path, machines=("m1",), control_planes=1) as client:

        async def most_of_the_machine() -> str:
            nodes = (await client.list(Node)).items
            return format_cpu(cpu_millis(nodes[0].status.allocatable["cpu"]) * 6 // 10) if nodes else ""

        cpu = await eventually(most_of_the_machine, within_s=20, what="the machine is there")
        await client.create(PriorityClass(metadata=ObjectMeta(name="high"), value=1000))
        labels = {"app": "low"}
        template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=spec(cpu))
        low = ReplicaSetSpec(replicas=1, selector=LabelSelector(match_labels=labels), template=template)
        await client.create(ReplicaSet(metadata=ObjectMeta(name="low", namespace="default"), spec=low))

        async def low_pods() -> list[Pod]:
            pods = (await client.list(Pod, "default")).items
            return [each for each in pods if each.metadata.labels == labels]

        async def low_runs() -> Pod | None:
            return next((each for each in await low_pods() if each.status.phase == "Running"), None)

        victim = await eventually(low_runs, within_s=15, what="the unimportant pod runs")
        assert victim is not None
        await client.create(Pod(metadata=ObjectMeta(name="high", namespace="default"), spec=spec(cpu, "high")))

        async def high_runs() -> bool:
            return await phase(client, "high") == "Running"

        await eventually(high_runs, within_s=20, what="the important pod runs")
        high = await client.get(Pod, "high", "default")
        assert (high.spec.priority, high.status.nominated_node_name) == (1000, "")

        async def told() -> bool:
            events = (await client.list(Event, "default")).items
            message = f"Preempted by pod {high.metadata.uid} on node m1"
            return (victim.metadata.name, "Preempted", message) in {
                (event.involved_object.name, event.reason, event.message) for event in events
            }

        await eventually(told, within_s=5, what="the Event of the victim")

        async def replacement_waits() -> bool:
            (waiting,) = await low_pods()
            condition = find_condition(waiting.status.conditions, "PodScheduled")
            assert condition is not None and waiting.metadata.uid != victim.metadata.uid
            return condition.message == (
                "0/1 nodes are available: 1 Insufficient cpu. "
                "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
            )

        await eventually(replacement_waits, within_s=5, what="the replacement says why it waits")
        await client.delete(Pod, "high", "default")
        await eventually(low_runs, within_s=20, what="the unimportant pod runs again")


async def test_two_control_planes_never_grant_the_last_of_a_quota_twice(tmp_path: Path) -> None:
    async with cluster(tmp_path, machines=(), control_planes=2) as client:
        quota = ResourceQuota(metadata=ObjectMeta(name="q", namespace="default"),
                              spec=ResourceQuotaSpec(hard={"configmaps": "20"}))  # fmt: skip
        await client.create(quota)

        async def try_one(number: int) -> str:
            try:
                await client.create(ConfigMap(metadata=ObjectMeta(name=f"c{number}", namespace="default")))
            except Forbidden as refusal:
                return refusal.message
            return ""

        answers = await asyncio.gather(*(try_one(number) for number in range(60)))
        assert answers.count("") == len((await client.list(ConfigMap, "default")).items) == 20
        assert all(
            not answer or "exceeded quota: q, requested: configmaps=1, used: configmaps=20" in answer
            for answer in answers
        )

        async def settled() -> bool:
            status = (await client.get(ResourceQuota, "q", "default")).status
            return (status.used, status.reserved) == ({"configmaps": "20"}, {})

        await eventually(settled, within_s=10, what="the reservations are settled")
        await client.delete(ConfigMap, "c0" if not answers[0] else f"c{answers.index('')}", "default")

        async def another() -> bool:
            try:
                await client.create(ConfigMap(metadata=ObjectMeta(name="late", namespace="default")))
            except ApiError as refusal:
                raise AssertionError(refusal.message) from None
            return True

        await eventually(another, within_s=5, what="what was given back can be had")
