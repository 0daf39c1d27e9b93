"""What it costs to look at programs: the processes of a container, and lines to its program.

The driver is the agent's own with a real supervisor; what the bus adds is in `streams`.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.measuring import Figure, percentile
from node_agent.runtime.abilities import Missed, Printed
from node_agent.runtime.port import ContainerSpec, LogPolicy, RuntimeSettings
from node_agent.runtime.process import ProcessRuntime
from node_agent.streams.listing import packed_reply

PROCESSES = 1000
ROUNDS = 10
KEYS = 300
FLOOD_BYTES = 300 * 10**6
MANY = f"for i in $(seq {PROCESSES - 1}); do sleep 1000000 & done; wait"
FLOOD = f"read go; yes {'x' * 99} | head -c {FLOOD_BYTES}; exec sleep 1000000"


async def measure() -> AsyncIterator[Figure]:
    """Processes, keys, output."""
    gc.collect()
    gc.freeze()  # As the agent does.
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        runtime = ProcessRuntime(RuntimeSettings("bench", Path(folder)))
        await runtime.open()
        try:
            await runtime.start(_spec(folder, "many", MANY))
            async for figure in _listed(runtime):
                yield figure
            await runtime.remove("many")
            await runtime.start(_spec(folder, "keys", "exec cat", tty=True))
            delays_ms = await _echoes_ms(runtime)
            for share in (0.5, 0.99):
                what = f"key to its echo at an attached terminal, p{100 * share:.0f}"
                yield Figure(what, percentile(delays_ms, share), "ms", note="without the bus")
            await runtime.start(_spec(folder, "flood", FLOOD))
            yield await _heard(runtime)
        finally:
            await runtime.shutdown(grace_s=0)


def _spec(folder: str, container_id: str, script: str, *, tty: bool = False) -> ContainerSpec:
    log = LogPolicy(Path(folder, "logs", container_id))
    return ContainerSpec(container_id, ("sh", "-c", script), log, env={"PATH": "/usr/bin:/bin"}, stdin=True, tty=tty)


async def _listed(runtime: ProcessRuntime) -> AsyncIterator[Figure]:
    """As the agent answers `setpoint ps`; and how late its loop is meanwhile."""
    while len(await runtime.processes("many")) < PROCESSES:  # noqa: ASYNC110 - nobody tells when they are there
        await asyncio.sleep(0.1)
    late_ms: list[float] = []
    watching = asyncio.create_task(_watch_loop(late_ms))
    took_ms = []
    for _ in range(ROUNDS):
        begun_s = time.perf_counter()
        states = [("many", state) for state in await runtime.processes("many")]
        await asyncio.to_thread(packed_reply, states, time.time(), in_json=False)
        took_ms.append(1000 * (time.perf_counter() - begun_s))
    watching.cancel()
    note = f"{PROCESSES} processes"
    yield Figure("processes of a container told, p50", percentile(took_ms, 0.5), "ms", note=note)
    yield Figure("agent's loop late meanwhile, at most", max(late_ms), "ms", note=note)


async def _watch_loop(late_ms: list[float]) -> None:
    while True:
        begun_s = time.perf_counter()
        await asyncio.sleep(0.001)
        late_ms.append(1000 * (time.perf_counter() - begun_s - 0.001))


async def _echoes_ms(runtime: ProcessRuntime) -> list[float]:
    line = await runtime.attach("keys", stdin=True)
    heard = line.heard()
    delays_ms = []
    for _ in range(KEYS):
        begun_s = time.perf_counter()
        await line.write(b"x")
        await anext(heard)
        delays_ms.append(1000 * (time.perf_counter() - begun_s))
    await line.close()
    return delays_ms


async def _heard(runtime: ProcessRuntime) -> Figure:
    """Of a program that prints as fast as it can; what an attached client is too slow for is not counted."""
    line = await runtime.attach("flood", stdin=True)
    await line.write(b"\n")
    begun_s, heard_bytes, missed_bytes = time.perf_counter(), 0, 0
    async for each in line.heard():
        if isinstance(each, Printed):
            heard_bytes += len(each.data)
        elif isinstance(each, Missed):
            missed_bytes += each.count_bytes
        if heard_bytes + missed_bytes >= FLOOD_BYTES:
            break
    rate = heard_bytes / (time.perf_counter() - begun_s) / 10**6
    await line.close()
    return Figure("output that an attached client hears", rate, "MB/s", note=f"{missed_bytes / 10**6:.0f} MB missed")
