"""How long `setpoint get pods` takes as a whole process."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, pod_ready, sleepers, until
from benchmarks.measuring import Figure, percentile
from proto.objects.pod import Pod

ROUNDS = 20
PODS = 10


async def measure() -> AsyncIterator[Figure]:
    """Twenty calls against a cluster with ten pods."""
    async with cluster(1) as (local, client):
        await client.create(sleepers("web", PODS))
        await until(client, Pod, "default", lambda pods: sum(map(pod_ready, pods.values())) == PODS)
        times_ms = [1000 * await _call(local.url) for _ in range(ROUNDS + 2)][2:]
    note = f"{ROUNDS} calls, {PODS} pods"
    yield Figure("`setpoint get pods`, whole process, p50", percentile(times_ms, 0.5), "ms", 250, note=note)
    yield Figure("`setpoint get pods`, whole process, p99", percentile(times_ms, 0.99), "ms", note=note)


async def _call(url: str) -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "setpoint.cli.main", "get", "pods", "--nats", url), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode or output.count(b"\n") != PODS + 1:
        raise RuntimeError(f"`setpoint get pods` failed: {output.decode()}")
    return time.perf_counter() - started
