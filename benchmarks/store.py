"""The store alone, on a NATS server of its own: writes, loading and following 100,000 objects, going on after a kill.

In one process with the client, on the same cores as the server. Pods of about 1 KB, decoded and indexed.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.measuring import Figure, percentile, rss_bytes
from control_plane.__main__ import GC_THRESHOLDS
from control_plane.store import lifecycle
from control_plane.store.mirror import Mirror, MirrorEvent
from control_plane.store.nats import NatsStore, open_store
from control_plane.store.port import StoreUnavailable
from proto.bus.nats import NatsBus
from proto.clock import SystemClock
from proto.ids import RandomIds
from proto.objects.container import Container, ResourceRequirements
from proto.objects.meta import Condition, ObjectMeta, OwnerReference, evolve
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import ContainerState, ContainerStateRunning, ContainerStatus
from setpoint.local.nats_server import NatsOptions, NatsServer

OBJECTS = 100_000
SEQUENTIAL = 500
RESTARTS = 5
CLOCK = SystemClock()
IDS = RandomIds(1)


async def measure() -> AsyncIterator[Figure]:
    """Fill a store, load it into a mirror, change it, kill the server."""
    gc.set_threshold(*GC_THRESHOLDS)
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        async with NatsServer(NatsOptions(Path(folder) / "durable")) as server:
            async for figure in _durable(server):
                yield figure
        async with NatsServer(NatsOptions(Path(folder) / "plain", sync_always=False)) as server:
            async for figure in _large(server):
                yield figure


async def _durable(server: NatsServer) -> AsyncIterator[Figure]:
    """Writes that are on disk before they are acknowledged."""
    bus, store = await _connect(server)
    times_s = []
    for number in range(SEQUENTIAL):
        started = time.perf_counter()
        await store.put(_pod(f"one-{number}"), 0)
        times_s.append(time.perf_counter() - started)
    note = "sync_interval: always"
    yield Figure("one durable write, p50", percentile(times_s, 0.5) * 1000, "ms", note=note)
    yield Figure("one durable write, p99", percentile(times_s, 0.99) * 1000, "ms", note=note)
    yield Figure("durable writes, pipelined", await _write_rate(store, "many", 5_000), "/s", note=note)
    await _close(bus, store)


async def _large(server: NatsServer) -> AsyncIterator[Figure]:
    """A large store: what filling, loading and following it costs."""
    bus, store = await _connect(server)
    yield Figure("writes, pipelined", await _write_rate(store, "p", OBJECTS), "/s", note=f"{OBJECTS:,} pods")
    before_bytes = rss_bytes(os.getpid())
    started = time.perf_counter()
    mirror = Mirror(store)
    following = asyncio.create_task(mirror.run())
    await mirror.wait_synced()
    load_s = time.perf_counter() - started
    held_bytes = rss_bytes(os.getpid()) - before_bytes
    yield Figure("load of a mirror", load_s, "s", note=f"{OBJECTS:,} pods, decoded and indexed")
    yield Figure("memory of a mirrored pod", held_bytes / OBJECTS / 1024, "KiB", note="with its indexes")
    times_s = await _delays(store, mirror)
    yield Figure("write to event in the mirror, p50", percentile(times_s, 0.5) * 1000, "ms")
    for figure in await _restarts(server, store, mirror):
        yield figure
    following.cancel()
    await _close(bus, store)


async def _delays(store: NatsStore, mirror: Mirror) -> list[float]:
    """Seconds from a write to its event."""
    times_s = []
    told: dict[str, float] = {}

    def note(event: MirrorEvent) -> None:
        told[event.object.metadata.name] = time.perf_counter()

    unsubscribe = mirror.subscribe(note)
    for number in range(SEQUENTIAL):
        name = f"event-{number}"
        started = time.perf_counter()
        await mirror.wait_for(await store.put(_pod(name), 0), 5)
        times_s.append(told[name] - started)
    unsubscribe()
    return times_s


async def _restarts(server: NatsServer, store: NatsStore, mirror: Mirror) -> list[Figure]:
    """Kill the server under a mirror and see how soon a write and its event come through again."""
    written_s, followed_s = [], []
    for number in range(RESTARTS):
        await server.kill()
        await server.start()
        started = time.perf_counter()
        revision = await _put_stubbornly(store, _pod(f"after-{number}"))
        written_s.append(time.perf_counter() - started)
        await mirror.wait_for(revision, 30)
        followed_s.append(time.perf_counter() - started)
    note = f"worst of {RESTARTS}, {OBJECTS:,} pods, from the server's being ready after kill -9"
    return [
        Figure("server back to first write", max(written_s), "s", note=note),
        Figure("server back to its event in the mirror", max(followed_s), "s", note=note),
    ]


async def _put_stubbornly(store: NatsStore, pod: Pod) -> int:
    while True:
        try:
            return await store.put(pod, 0)
        except StoreUnavailable:
            await asyncio.sleep(0.01)


async def _write_rate(store: NatsStore, prefix: str, count: int) -> float:
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await store.put(_pod(f"{prefix}-{number}"), 0)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(256)))
    return count / (time.perf_counter() - started)


def _template() -> Pod:
    """A pod as a ReplicaSet makes it, with its status once it runs: about 1 KB on the wire."""
    owner = OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="web-7c5d", uid="0" * 36, controller=True)
    labels = {"app": "web", "pod-template-hash": "7c5d"}
    resources = ResourceRequirements(requests={"cpu": "100m", "memory": "64Mi"}, limits={"memory": "128Mi"})
    container = Container(name="web", command=("/usr/bin/python3", "-m", "http.server"), resources=resources)
    meta = ObjectMeta(name="web", namespace="default", labels=labels, owner_references=(owner,))
    conditions = tuple(
        Condition(type=name, status="True", last_transition_time=CLOCK.now())
        for name in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    )
    running = ContainerState(running=ContainerStateRunning(started_at=CLOCK.now()))
    status = ContainerStatus(name="web", state=running, ready=True, started=True, container_id="process://1234")
    pod = lifecycle.for_create(
        Pod(metadata=meta, spec=PodSpec(containers=(container,))), uid=IDS.uid(), now=CLOCK.now()
    )
    changes = {"status.phase": "Running", "status.conditions": conditions, "status.container_statuses": (status,)}
    return evolve(pod, **changes)


def _pod(name: str) -> Pod:
    node = f"node-{next(TURNS) % 100}"
    return evolve(TEMPLATE, **{"metadata.name": name, "metadata.uid": IDS.uid(), "spec.node_name": node})


TURNS = itertools.count()
TEMPLATE = _template()


async def _connect(server: NatsServer) -> tuple[NatsBus, NatsStore]:
    bus = await NatsBus.connect(server.url, name="bench")
    return bus, await open_store(bus, CLOCK)


async def _close(bus: NatsBus, store: NatsStore) -> None:
    await store.close()
    await bus.close()
