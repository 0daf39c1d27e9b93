"""Workloads in numbers: 1,000 Jobs, 1,000 Deployments at once, and one Deployment of 10,000 pods up, over and down.

Real control plane and real NATS; the nodes are real agents with fake processes. Beside the time it is told what the
cluster paid for each pod: writes into the object stream, and CPU of the control plane.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.clusters import cluster, simulated_nodes, sleepers
from benchmarks.measuring import Figure, cpu_s
from proto.client.typed import Client
from proto.objects.apps import Deployment
from proto.objects.batch import Job, JobSpec
from proto.objects.container import Container
from proto.objects.core import Namespace
from proto.objects.meta import Object, ObjectMeta
from proto.objects.pod import PodSpec, PodTemplateSpec
from setpoint.local.cluster import LocalCluster

PARTS = ("jobs", "deployments", "large")
"""`SETPOINT_BENCH_WORKLOADS=jobs,large` chooses among them."""

NODES = 20
JOBS = 1_000
DEPLOYMENTS = 1_000
LARGE_NODES = 100
LARGE_PODS = 10_000
AT_ONCE = 64
WITHIN_S = 240.0

Obj = TypeVar("Obj", bound=Object)


@dataclass(frozen=True, slots=True)
class Cost:
    """What something took: seconds, writes into the stream, CPU seconds of the control plane."""

    took_s: float
    writes: int
    cpu_s: float

    def of(self, what: str, pods: int) -> Figure:
        """As a figure, with what each pod cost in the note."""
        note = f"{self.writes / pods:.1f} writes and {1000 * self.cpu_s / pods:.2f} ms CPU of the control plane a pod"
        return Figure(what, self.took_s, "s", note=note)


async def measure() -> AsyncIterator[Figure]:
    """Each in a cluster of its own."""
    chosen = os.environ.get("SETPOINT_BENCH_WORKLOADS", ",".join(PARTS)).split(",")
    if "jobs" in chosen:
        async with cluster(0) as (local, client), simulated_nodes(local, NODES):
            cost = await _cost(local, client, lambda: _jobs(client))
            yield cost.of(f"{JOBS:,} Jobs of one quick process", JOBS)
    if "deployments" in chosen:
        async with cluster(0) as (local, client), simulated_nodes(local, NODES):
            cost = await _cost(local, client, lambda: _deployments(client))
            yield cost.of(f"{DEPLOYMENTS:,} Deployments applied at once", DEPLOYMENTS)
    if "large" in chosen:
        async with cluster(0) as (local, client), simulated_nodes(local, LARGE_NODES):
            async for figure in _large(local, client):
                yield figure


async def _cost(local: LocalCluster, client: Client, work: Callable[[], Awaitable[None]]) -> Cost:
    """What `work` costs."""
    pid = local.control_planes[0].program.pid
    revision, cpu_before_s = await _revision(client), cpu_s(pid)
    started_s = time.perf_counter()
    await work()
    took_s = time.perf_counter() - started_s
    return Cost(took_s, await _revision(client) - revision, cpu_s(pid) - cpu_before_s)


async def _revision(client: Client) -> int:
    """How many writes there were so far."""
    return int((await client.list(Namespace)).revision)


async def _jobs(client: Client) -> None:
    container = Container(name="main", command=("fake", "--exit-after", "0.05"))
    template = PodTemplateSpec(spec=PodSpec(containers=(container,), restart_policy="Never"))
    jobs = [
        Job(metadata=ObjectMeta(name=f"job-{number}", namespace="default"), spec=JobSpec(template=template))
        for number in range(JOBS)
    ]
    await _create(client, jobs)
    await _all_are(client, Job, JOBS, lambda job: job.status.completion_time is not None)


async def _deployments(client: Client) -> None:
    await _create(client, [sleepers(f"web-{number}", 1) for number in range(DEPLOYMENTS)])
    await _all_are(client, Deployment, DEPLOYMENTS, _is_rolled_out)


async def _large(local: LocalCluster, client: Client) -> AsyncIterator[Figure]:
    """One Deployment: up, with another template, and down."""
    await client.create(sleepers("large", 0))

    async def scale(replicas: int) -> None:
        await client.scale(Deployment, "large", "default", replicas)
        await _all_are(client, Deployment, 1, lambda each: each.spec.replicas == replicas and _is_rolled_out(each))

    async def roll() -> None:
        patch = {"spec": {"template": {"metadata": {"annotations": {"version": "2"}}}}}
        changed = await client.patch(Deployment, "large", "default", patch)
        generation = changed.metadata.generation or 0
        await _all_are(
            client, Deployment, 1,
            lambda each: (each.metadata.generation or 0) >= generation and _is_rolled_out(each),
        )  # fmt: skip

    pods = f"{LARGE_PODS:,} pods of one Deployment"
    yield (await _cost(local, client, lambda: scale(LARGE_PODS))).of(f"{pods}: up", LARGE_PODS)
    yield (await _cost(local, client, roll)).of(f"{pods}: rolled", LARGE_PODS)
    yield (await _cost(local, client, lambda: scale(0))).of(f"{pods}: down", LARGE_PODS)


def _is_rolled_out(deployment: Deployment) -> bool:
    """Whether exactly what is wanted is there, all of it available (kubectl: rollout status)."""
    status, wanted = deployment.status, deployment.spec.replicas
    counts = (status.replicas or 0, status.updated_replicas or 0, status.available_replicas or 0)
    return status.observed_generation == deployment.metadata.generation and set(counts) == {wanted}


async def _create(client: Client, objects: Sequence[Object]) -> None:
    """All of them, so many at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def create(obj: Object) -> None:
        async with room:
            await client.create(obj)

    await asyncio.gather(*map(create, objects))


async def _all_are(client: Client, model: type[Obj], count: int, reached: Callable[[Obj], bool]) -> None:
    """Follow a kind until `reached` holds for so many."""
    listed = await client.list(model, "default")
    done = {item.metadata.name for item in listed.items if reached(item)}
    if len(done) == count:
        return
    async with asyncio.timeout(WITHIN_S):
        async for event in client.watch(model, "default", since=listed.revision):
            if reached(event.object):
                done.add(event.object.metadata.name)
            if len(done) == count:
                return
