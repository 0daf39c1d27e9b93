"""What one machine does with its processes: how many it starts and reports a second, how soon all are known again after
the agent or the supervisor was killed, and what a flood of output costs the others and the disk.

The process driver with its real supervisor; no cluster, so that nothing but the machine is measured.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.measuring import Figure, cpu_s, percentile
from node_agent.runtime.port import ContainerSpec, LogPolicy, RuntimeSettings
from node_agent.runtime.process import ProcessRuntime

PROCESSES = 250
FLOOD_S = 10.0
LOG_BYTES, LOG_FILES = 10 * 2**20, 5
FLOODS = {"one endless line": ("cat", "/dev/zero"), "lines of 100 bytes": ("yes", "x" * 99)}
"""Programs that print more than a gigabyte a second, if they are let."""

MIB = 2**20


async def measure() -> AsyncIterator[Figure]:
    """Start, adopt, flood."""
    note = f"{PROCESSES} processes"
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        place = Path(folder)
        async with _driver(place) as runtime:
            await runtime.start(_spec(place, "warm", "sleep", "1000000"))
            supervisor = await _supervisor(runtime)
            before_s, started = cpu_s(supervisor), time.perf_counter()
            await asyncio.gather(
                *(runtime.start(_spec(place, f"c{number}", "sleep", "1000000")) for number in range(PROCESSES - 1))
            )
            rate = (PROCESSES - 1) / (time.perf_counter() - started)
            each_ms = 1000 * (cpu_s(supervisor) - before_s) / (PROCESSES - 1)
            cost = f"{note}; {each_ms:.1f} ms of the supervisor's CPU each"
            yield Figure("processes started and reported", rate, "/s", 250, at_least=True, note=cost)
        yield Figure("all known again to the next agent", await _adopted_s(place), "s", 1.0, note=note)
        os.kill(supervisor, signal.SIGKILL)
        killed = f"{note}; the supervisor killed, too"
        yield Figure("all adopted by the next supervisor", await _adopted_s(place), "s", 1.0, note=killed)
        async with _driver(place, last=True) as runtime:
            pass
    for what, argv in FLOODS.items():
        async for figure in _flood(what, argv):
            yield figure


async def _flood(what: str, argv: tuple[str, ...]) -> AsyncIterator[Figure]:
    """One program prints as fast as it can, while others start and end."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        place = Path(folder)
        async with _driver(place, last=True) as runtime:
            supervisor = await _supervisor(runtime)
            flooding = await runtime.start(_spec(place, "flood", *argv))
            assert flooding.pid is not None
            begun, before_s = time.perf_counter(), cpu_s(supervisor)
            starts_s: list[float] = []
            most_bytes = 0
            while time.perf_counter() - begun < FLOOD_S:
                started = time.perf_counter()
                await runtime.start(_spec(place, f"quiet{len(starts_s)}", "true"))
                starts_s.append(time.perf_counter() - started)
                most_bytes = max(most_bytes, _flood_bytes(place))
                await asyncio.sleep(0.02)
            took_s = time.perf_counter() - begun
            share = 100 * (cpu_s(supervisor) - before_s) / took_s
            printed = _written_bytes(flooding.pid) / took_s / MIB
            note = f"{what}, as fast as it can, {FLOOD_S:g} s"
            yield Figure("flood of output that is taken", printed, "MB/s", note=note)
            yield Figure("disk that a flood takes", most_bytes / MIB, "MB", LOG_BYTES * LOG_FILES / MIB + 1, note=note)
            yield Figure("start of another program meanwhile, p99", 1000 * percentile(starts_s, 0.99), "ms", note=note)
            yield Figure("supervisor's CPU meanwhile", share, "% of a core", note=note)


@asynccontextmanager
async def _driver(place: Path, *, last: bool = False) -> AsyncIterator[ProcessRuntime]:
    """The driver as an agent has it; the `last` one ends everything."""
    runtime = ProcessRuntime(RuntimeSettings("bench", place))
    await runtime.open()
    try:
        yield runtime
    finally:
        await (runtime.shutdown(grace_s=0) if last else runtime.close())


async def _adopted_s(place: Path) -> float:
    """How long a new agent's driver needs until it lists all processes as running."""
    started = time.perf_counter()
    async with _driver(place) as runtime:
        running = sum(state.running for state in await runtime.list())
        took_s = time.perf_counter() - started
    assert running == PROCESSES, f"{running} of {PROCESSES} run"
    return took_s


async def _supervisor(runtime: ProcessRuntime) -> int:
    """The supervisor's pid: the parent of a program."""
    state = await runtime.start(_spec(Path("/tmp"), "probe", "sleep", "1000000"))
    parent = int(Path(f"/proc/{state.pid}/stat").read_text().rpartition(")")[2].split()[1])
    await runtime.remove("probe")
    return parent


def _spec(place: Path, container_id: str, *argv: str) -> ContainerSpec:
    log = LogPolicy(place / "logs" / f"{container_id}.log", LOG_BYTES, LOG_FILES)
    return ContainerSpec(container_id, argv, log, env={"PATH": "/usr/bin:/bin"})


def _flood_bytes(place: Path) -> int:
    """What lies on the disk of the flood now: its logs, and what is on its way there."""
    sizes = 0
    for found in (*(place / "logs").glob("flood*"), *(place / "supervisor/containers/flood").glob("*")):
        try:
            sizes += found.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return sizes


def _written_bytes(pid: int) -> int:
    """What a process has written since it began."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0
