"""How long nobody leads when the leading control plane is killed: until another one's loops do real work."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, pod_ready, sleepers, until
from benchmarks.measuring import Figure, percentile
from proto.client.typed import Client
from proto.errors import Timeout, Unavailable
from proto.objects.apps import Deployment
from proto.objects.coordination import Lease
from proto.objects.pod import Pod
from setpoint.local.cluster import LocalCluster
from tests.waiting import eventually

ROUNDS = 10


async def measure() -> AsyncIterator[Figure]:
    """Kill the leader, ask for one more replica at once, and wait until it is Ready."""
    times_s: list[float] = []
    async with cluster(1, control_planes=2) as (local, client):
        starts = [1] * len(local.control_planes)
        impatient = Client(client.bus, timeout_s=0.3)
        await client.create(sleepers("web", 1))
        await until(client, Pod, "default", lambda pods: _ready(pods) == 1)
        for number in range(ROUNDS):
            await _all_serve(local, starts)
            leader = await client.get(Lease, "setpoint-control-plane", "kube-system")
            pid = int(leader.spec.holder_identity.rpartition("-")[2])
            victim = next(n for n, kept in enumerate(local.control_planes) if kept.program.pid == pid)
            starts[victim] += 1
            started = time.perf_counter()
            local.control_planes[victim].program.signal(9)
            await _scale(impatient, number + 2)
            await until(client, Pod, "default", lambda pods, wanted=number + 2: _ready(pods) == wanted)
            times_s.append(time.perf_counter() - started)
    note = f"{ROUNDS} rounds, two control planes, leader ended by kill -9"
    yield Figure("leader killed to loops running elsewhere, p50", percentile(times_s, 0.5), "s", note=note)
    yield Figure("leader killed to loops running elsewhere, p99", percentile(times_s, 0.99), "s", 3.0, note=note)


async def _scale(client: Client, replicas: int) -> None:
    """Scale, again and again until it is heard: a request in the hands of the one that was killed dies with it."""
    while True:
        try:
            return await client.scale(Deployment, "web", "default", replicas)
        except (Timeout, Unavailable):
            continue


async def _all_serve(local: LocalCluster, starts: list[int]) -> None:
    """Wait until every replica has said as often as it was started that it serves."""
    logs = [local.shape.data_dir / f"control_plane-{number}.log" for number in range(len(starts))]
    await eventually(lambda: [log.read_text().count("ready name=") for log in logs] == starts, within_s=30)


def _ready(pods: dict[str, Pod]) -> int:
    return sum(map(pod_ready, pods.values()))
