"""How long one pod takes from `create` to Running, on a real machine, measured at the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, sleeper
from benchmarks.measuring import Figure, percentile
from proto.client.typed import Client
from proto.objects.pod import Pod

ROUNDS = 100
WARM_UP = 5


async def measure() -> AsyncIterator[Figure]:
    """Durable first, then without waiting for the disk."""
    for sync_always, note in ((True, "sync_interval: always"), (False, "synced every 2 minutes")):
        async with cluster(1, sync_always=sync_always) as (_, client):
            times_ms = [1000 * await _round(client, number) for number in range(ROUNDS + WARM_UP)][WARM_UP:]
        budget = (40, 150) if sync_always else (None, None)
        yield Figure("apply of one pod to Running, p50", percentile(times_ms, 0.5), "ms", budget[0], note=note)
        yield Figure("apply of one pod to Running, p99", percentile(times_ms, 0.99), "ms", budget[1], note=note)


async def _round(client: Client, number: int) -> float:
    name = f"latency-{number}"
    running = asyncio.Event()

    async def follow(since: str) -> None:
        async for event in client.watch(Pod, "default", since=since, field_selector=f"metadata.name={name}"):
            if event.object.status.phase == "Running":
                running.set()
                return

    listed = await client.list(Pod, "default", field_selector=f"metadata.name={name}")
    follower = asyncio.create_task(follow(listed.revision))
    await asyncio.sleep(0)
    started = time.perf_counter()
    await client.create(sleeper(name))
    async with asyncio.timeout(30):
        await running.wait()
    took_s = time.perf_counter() - started
    await follower
    await client.delete(Pod, name, "default", grace_s=0)
    return took_s
