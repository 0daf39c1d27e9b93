"""How long work is gone when a machine falls silent: from the cut of its link to all replicas Ready elsewhere."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, node_ready, pod_ready, sleepers, until
from benchmarks.measuring import Figure, percentile
from proto.objects.core import Node
from proto.objects.pod import Pod

ROUNDS = 20
REPLICAS = 10
MACHINES = 5


async def measure() -> AsyncIterator[Figure]:
    """Twenty rounds with the default settings, each on the next machine."""
    times_s: list[float] = []
    async with cluster(MACHINES) as (local, client):
        await client.create(sleepers("web", REPLICAS))
        await until(client, Pod, "default", _all_ready)
        for number in range(ROUNDS):
            victim = f"m{number % MACHINES + 1}"
            pods = await until(client, Pod, "default", lambda pods: _all_ready(pods) and _spread(pods))
            on_victim = {name for name, pod in pods.items() if pod.spec.node_name == victim}
            started = time.perf_counter()
            await local.machines[victim].cut()
            await until(client, Pod, "default", lambda pods, gone=on_victim: _ready_besides(pods, gone))
            times_s.append(time.perf_counter() - started)
            await local.machines[victim].heal()
            await until(client, Node, "", lambda nodes: all(map(node_ready, nodes.values())))
            await until(client, Pod, "default", lambda pods: len(pods) == REPLICAS and _all_ready(pods))
            # The machine that came back is empty: have some pods placed there again.
            for name in [n for n, pod in pods.items() if pod.spec.node_name != victim][: REPLICAS // 2]:
                await client.delete(Pod, name, "default", grace_s=0)
            await until(client, Pod, "default", lambda pods: len(pods) == REPLICAS and _all_ready(pods))
    note = f"{ROUNDS} rounds, {REPLICAS} replicas, {MACHINES} machines"
    yield Figure("silent loss of a machine to replacements Ready, p50", percentile(times_s, 0.5), "s", note=note)
    yield Figure("silent loss of a machine to replacements Ready, p99", percentile(times_s, 0.99), "s", 4.0, note=note)


def _all_ready(pods: dict[str, Pod]) -> bool:
    return sum(map(pod_ready, pods.values())) == REPLICAS


def _ready_besides(pods: dict[str, Pod], gone: set[str]) -> bool:
    return sum(pod_ready(pod) for name, pod in pods.items() if name not in gone) >= REPLICAS


def _spread(pods: dict[str, Pod]) -> bool:
    return len({pod.spec.node_name for pod in pods.values()}) > 1
