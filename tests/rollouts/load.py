"""A load generator that follows pods as a client would: by watching them, and asking those that are available.

A pod takes requests once it has been Ready for `min_ready_s`, and none any more once it is being deleted.
Every request opens a connection of its own, so nothing hides behind one that was kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control_plane.controllers.pods import is_active, is_ready
from proto.client.typed import Client
from proto.objects.pod import Pod

REQUEST_S_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a pod answers, and since when it is Ready, as it was seen here."""

    host: str
    port: int
    ready_at_s: float


@dataclass(slots=True)
class Load:
    """What was asked and answered so far."""

    min_ready_s: float
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.answers.values()) + len(self.failures)

    def see(self, pod: Pod, *, gone: bool) -> None:
        """Take a change of a pod."""
        name = pod.metadata.name
        if gone or not is_active(pod) or not is_ready(pod):
            self.endpoints.pop(name, None)
        elif name not in self.endpoints:
            port = pod.status.container_statuses[0].ports[0].container_port
            self.endpoints[name] = Endpoint(pod.status.pod_ip, port, time.monotonic())

    def available(self) -> list[Endpoint]:
        """Those that may be asked now."""
        ready_before_s = time.monotonic() - self.min_ready_s
        return [endpoint for endpoint in self.endpoints.values() if endpoint.ready_at_s <= ready_before_s]

    async def ask_on(self, number: int, pause_s: float) -> None:
        """One request after the other, to one pod after the other, for ever."""
        while True:
            number += 1
            if candidates := self.available():
                await self._ask(candidates[number % len(candidates)])
            else:
                self.failures.append("no pod is available")
            await asyncio.sleep(pause_s)

    async def _ask(self, endpoint: Endpoint) -> None:
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
                try:
                    writer.write(b"GET / HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")
                    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            self.failures.append(f"{endpoint.host}:{endpoint.port}: {error!r}")
            return
        if not head.startswith(b"HTTP/1.1 200 ") or not body:
            self.failures.append(f"{endpoint.host}:{endpoint.port}: {head[:80]!r}")
            return
        version = body.decode().strip()
        self.answers[version] = self.answers.get(version, 0) + 1


@asynccontextmanager
async def load_on(
    client: Client, label_selector: str, *, min_ready_s: float, workers: int = 8, pause_s: float = 0.01
) -> AsyncIterator[Load]:
    """Load on the pods with those labels while the block runs; at least one must be available when it begins."""
    load = Load(min_ready_s)
    listed = await client.list(Pod, "default", label_selector=label_selector)
    for pod in listed.items:
        load.see(pod, gone=False)
        if pod.metadata.name in load.endpoints:
            load.endpoints[pod.metadata.name] = Endpoint(
                load.endpoints[pod.metadata.name].host, load.endpoints[pod.metadata.name].port, 0.0
            )

    async def follow() -> None:
        async for event in client.watch(Pod, "default", since=listed.revision, label_selector=label_selector):
            load.see(event.object, gone=event.type == "DELETED")

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(follow())]
        running += [tasks.create_task(load.ask_on(number * 7, pause_s)) for number in range(workers)]
        try:
            yield load
        finally:
            for task in running:
                task.cancel()
