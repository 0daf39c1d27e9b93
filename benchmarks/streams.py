"""What flows between a person and a program: output, connections, files and keystrokes, through the real `setpoint`.

A cluster of one machine on loopback. Everything is measured at the ends that a person has: the pipe behind
`setpoint logs`, the local end of a forwarded port, the terminal of `setpoint exec -it`. Rates are those from the first
byte to the last one, so that the start of the program is not in them.
"""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.clusters import cluster, pod_ready, until
from benchmarks.measuring import Figure, percentile
from benchmarks.sockets import Source
from proto.client.typed import Client
from proto.objects.container import Container
from proto.objects.meta import ObjectMeta
from proto.objects.pod import Pod, PodSpec
from setpoint.local.cluster import LocalCluster

MB = 10**6
LINES, LINE_BYTES = 330_000, 100
"""As many lines as the log of one container holds (five files of 10 MiB, with the times of the lines)."""

ROUNDS = 5
FOLLOW_S = 5.0
FORWARDED_BYTES = 400 * MB
EXEC_BYTES = 400 * MB
COPIED_BYTES = 200 * MB
KEYS = 300
KEY_EVERY_S = 0.005

PRINTING = f"yes {'x' * (LINE_BYTES - 1)} | head -n {LINES}; exec sleep 1000000"
FLOODING = f"exec yes {'x' * (LINE_BYTES - 1)}"


async def measure() -> AsyncIterator[Figure]:
    """Logs, connections, commands, copies."""
    async with cluster(1, isolation="groups") as (local, client):
        await _run(client, "quiet", "exec sleep 1000000")
        async for figure in _logs(local, client):
            yield figure
        async for figure in _forwarded(local):
            yield figure
        yield await _exec(local)
        async for figure in _keystrokes(local):
            yield figure
        async for figure in _copies(local):
            yield figure


async def _logs(local: LocalCluster, client: Client) -> AsyncIterator[Figure]:
    await _run(client, "printed", PRINTING)
    size = await _printed(local)
    for words, budget in (((), 150.0), (("--timestamps",), None), (("--prefix",), None)):
        rates = sorted([await _rate(local, "logs", "printed", *words) for _ in range(ROUNDS)])
        note = f"{size / MB:.0f} MB in lines of {LINE_BYTES} bytes, {ROUNDS} rounds {rates[0]:.0f}–{rates[-1]:.0f}"
        what = " ".join(("logs of a pod", *words))
        yield Figure(what, percentile(rates, 0.5), "MB/s", budget, at_least=True, note=note)
    await _run(client, "flood", FLOODING)
    rate = await _rate(local, "logs", "-f", "--tail=1", "flood", for_s=FOLLOW_S)
    yield Figure("logs -f of a program that prints without end", rate, "MB/s", note=f"{FOLLOW_S:g} s")
    await client.delete(Pod, "flood", "default", grace_s=0)


async def _forwarded(local: LocalCluster) -> AsyncIterator[Figure]:
    """Bytes from a program in the pod's place to a person's connection."""
    with Source() as source:
        async with _forwarding(local, source.port) as port:
            for connections, budget in ((1, 60.0), (10, None)):
                share = FORWARDED_BYTES // connections
                begun_s = time.perf_counter()
                await asyncio.gather(*(_fetch(port, share) for _ in range(connections)))
                rate = share * connections / (time.perf_counter() - begun_s) / MB
                what = f"port-forward, {connections} connection{'s' if connections > 1 else ''}"
                yield Figure(what, rate, "MB/s", budget, at_least=True)


async def _exec(local: LocalCluster) -> Figure:
    rate = await _rate(local, "exec", "quiet", "--", "head", "-c", str(EXEC_BYTES), "/dev/zero")
    return Figure("stdout of an exec'd command", rate, "MB/s")


async def _copies(local: LocalCluster) -> AsyncIterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        here, back = Path(folder, "here"), Path(folder, "back")
        here.write_bytes(os.urandom(MB) * (COPIED_BYTES // MB))
        for what, words in (
            ("cp of a file into a pod", (str(here), "quiet:there")),
            ("cp out of it", ("quiet:there", str(back))),
        ):
            begun_s = time.perf_counter()
            call = await _start(local, "cp", *words)
            assert await call.wait() == 0
            rate = COPIED_BYTES / (time.perf_counter() - begun_s) / MB
            yield Figure(what, rate, "MB/s", note=f"{COPIED_BYTES // MB} MB, the whole program")


async def _keystrokes(local: LocalCluster) -> AsyncIterator[Figure]:
    """Times from a key to its echo."""
    delays_ms = await asyncio.to_thread(_type, local.url)
    note = f"setpoint exec -it, {KEYS} keys"
    yield Figure("keystroke to its echo, p50", percentile(delays_ms, 0.5), "ms", 10, note=note)
    yield Figure("keystroke to its echo, p99", percentile(delays_ms, 0.99), "ms", 10, note=note)


def _type(url: str) -> list[float]:
    """What a person with a clock at the terminal measures, in ms."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*_setpoint(), "exec", "-it", "quiet", "--", "cat"], {**os.environ, "NATS_URL": url})
    tty.setraw(terminal)
    try:
        os.write(terminal, b"#\r")
        _read_until(terminal, b"#\r\n#")
        return [_echo_ms(terminal, b"abcdefghij"[number % 10 :][:1]) for number in range(KEYS)]
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def _echo_ms(terminal: int, key: bytes) -> float:
    time.sleep(KEY_EVERY_S)
    begun_s = time.perf_counter()
    os.write(terminal, key)
    _read_until(terminal, key)
    return 1000 * (time.perf_counter() - begun_s)


def _read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    while wanted not in seen:
        ready, _, _ = select.select([terminal], [], [], 20)
        if not ready:
            raise RuntimeError(f"no echo; seen {seen!r}")
        seen += os.read(terminal, 65536)


async def _run(client: Client, name: str, script: str) -> None:
    """A pod that runs a script of the shell."""
    container = Container(name="main", command=("/bin/sh", "-c", script))
    spec = PodSpec(containers=(container,), termination_grace_period_seconds=1)
    await client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
    await until(client, Pod, "default", lambda pods: name in pods and pod_ready(pods[name]))


async def _printed(local: LocalCluster) -> int:
    """The size of what the pod `printed` has printed, when it is all there."""
    size = -1
    while True:
        call = await _start(local, "logs", "printed")
        out, _ = await call.communicate()
        if len(out) == size:
            return size
        size = len(out)


async def _rate(local: LocalCluster, *words: str, for_s: float = 600.0) -> float:
    """MB/s on the pipe behind a call, from the first byte to the last one or for some time."""
    return await asyncio.to_thread(_drained, local.url, words, for_s)


def _drained(url: str, words: tuple[str, ...], for_s: float) -> float:
    """Read with as little work as can be, since it is done on the same two cores."""
    call = subprocess.Popen((*_setpoint(), *words), env={**os.environ, "NATS_URL": url}, stdout=subprocess.PIPE)
    assert call.stdout is not None
    with call, call.stdout as pipe:
        size, begun_s, buffer = -len(os.read(pipe.fileno(), 1)), time.perf_counter(), bytearray(1 << 20)
        while (count := os.readv(pipe.fileno(), [buffer])) and time.perf_counter() - begun_s < for_s:
            size += count
        took_s = time.perf_counter() - begun_s
        call.terminate()
    return size / took_s / MB


async def _start(local: LocalCluster, *words: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "NATS_URL": local.url}
    return await asyncio.create_subprocess_exec(*_setpoint(), *words, env=environment, stdout=asyncio.subprocess.PIPE)


def _setpoint() -> tuple[str, ...]:
    return (sys.executable, "-m", "setpoint.cli.main")


@asynccontextmanager
async def _forwarding(local: LocalCluster, remote: int) -> AsyncIterator[int]:
    """The local port that leads to a port of the machine."""
    call = await _start(local, "port-forward", "quiet", f":{remote}")
    assert call.stdout is not None
    try:
        line = (await call.stdout.readline()).decode()
        yield int(line.split(" -> ")[0].rpartition(":")[2])
    finally:
        call.terminate()
        await call.communicate()


async def _fetch(port: int, size: int) -> None:
    """Read so many bytes from a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        while size > 0:
            data = await reader.read(1 << 20)
            assert data, "the connection ended early"
            size -= len(data)
    finally:
        writer.close()
