"""How many pods a second go the whole way, created, bound and Running, through N simulated nodes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, simulated_nodes, sleepers
from benchmarks.measuring import Figure, cpu_s
from proto.client.typed import Client
from proto.objects.apps import Deployment

SIZES = ((100, 2_000), (1_000, 4_000), (5_000, 10_000))
"""Nodes and pods; `SETPOINT_BENCH_NODES=100,1000` chooses among the sizes by their nodes."""

WITHIN_S = 300.0
DEPLOYMENTS = 10


CROWD = 5_000
CROWD_PACE = ("--heartbeat-s", "5", "--grace-s", "30", "--lease-s", "60")
"""So many agents in one Python process cannot each be heard every 0.75 s; the figure's note says that they were not."""


async def measure() -> AsyncIterator[Figure]:
    """Each size with the durable default and without waiting for the disk; who spent the time, in the notes."""
    chosen = {int(text) for text in os.environ.get("SETPOINT_BENCH_NODES", "").split(",") if text}
    for nodes, pods in SIZES:
        if chosen and nodes not in chosen:
            continue
        for sync_always in (True, False):
            rate, spent = await _rate(nodes, pods, sync_always)
            crowded = ", heartbeats every 5 s" if nodes >= CROWD else ""
            disk = "sync_interval: always" if sync_always else "synced every 2 minutes"
            note = f"{pods:,} pods, {disk}{crowded}; {spent}"
            budget = 2_000 if nodes >= CROWD else None
            yield Figure(f"created, bound and Running on {nodes:,} nodes", rate, "pods/s", budget, True, note)


async def _rate(nodes: int, pods: int, sync_always: bool) -> tuple[float, str]:
    """Pods a second, and the CPU time of each program for one pod, in words."""
    pace = CROWD_PACE if nodes >= CROWD else ()
    async with (
        cluster(0, sync_always=sync_always, arguments=pace) as (local, client),
        simulated_nodes(local, nodes) as agents,
    ):
        programs = {
            "control plane": local.control_planes[0].program.pid,
            "agents": agents,
            "NATS": local.nats_program.program.pid,
        }
        before = {name: cpu_s(pid) for name, pid in programs.items()}
        names = [f"load-{number}" for number in range(DEPLOYMENTS)]
        started = time.perf_counter()
        for name in names:
            await client.create(sleepers(name, pods // DEPLOYMENTS))
        await _all_available(client, names, pods // DEPLOYMENTS)
        took_s = time.perf_counter() - started
        spent = {name: 1000 * (cpu_s(pid) - before[name]) / pods for name, pid in programs.items()}
        return pods / took_s, "CPU a pod: " + ", ".join(f"{name} {each:.2f} ms" for name, each in spent.items())


async def _all_available(client: Client, names: list[str], each: int) -> None:
    waiting = set(names)
    listed = await client.list(Deployment, "default")
    waiting -= {item.metadata.name for item in listed.items if item.status.available_replicas == each}
    async with asyncio.timeout(WITHIN_S):
        async for event in client.watch(Deployment, "default", since=listed.revision):
            if event.object.status.available_replicas == each:
                waiting.discard(event.object.metadata.name)
            if not waiting:
                return
