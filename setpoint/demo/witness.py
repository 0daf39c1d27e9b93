"""Watches a cluster like any client could, and notes when it saw what.

Reads: watches of pods and nodes, and the heartbeats on their subjects. Writes: nothing.
Never: concludes anything; `marks` does that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from proto import subjects
from proto.bus.port import Bus, Message
from proto.cancelling import cancelled
from proto.client.typed import Client
from proto.clock import Clock
from proto.objects.core import Node
from proto.objects.pod import Pod
from setpoint.demo.lives import NodeLife, PodLife, saw_node, saw_pod


class Witness:
    """What was seen of one namespace's pods (by uid), of nodes and of heartbeats (by node name)."""

    def __init__(self, bus: Bus, clock: Clock, namespace: str):
        self.pods: dict[str, PodLife] = {}
        self.nodes: dict[str, NodeLife] = {}
        self.heartbeats: dict[str, float] = {}
        self._bus = bus
        self._client = Client(bus)
        self._clock = clock
        self._namespace = namespace
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._heartbeats = await self._bus.subscribe(subjects.node_up("*", "heartbeat"), self._hear)
        self._tasks = [
            asyncio.create_task(self._watch_pods(), name="witness-pods"),
            asyncio.create_task(self._watch_nodes(), name="witness-nodes"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancelled(self._tasks)
        await self._heartbeats.unsubscribe()

    async def until(self, holds: Callable[[], bool], *, within_s: float) -> bool:
        """Wait until `holds()` is true, asked again after each thing seen; False when it is not in time.

        Raises:
            errors.ApiError: a watch was refused, so nothing more will be seen.
        """
        deadline_s = self._clock.monotonic_s() + within_s
        while not holds():
            remaining_s = deadline_s - self._clock.monotonic_s()
            if remaining_s <= 0:
                return False
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(remaining_s):  # Unlike wait_for in 3.11, it never loses a cancellation.
                    await self._changed.wait()
            for task in self._tasks:
                if task.done():
                    task.result()
        return True

    async def _watch_pods(self) -> None:
        async for event in self._client.watch(Pod, self._namespace):
            now_s = self._clock.monotonic_s()
            uid = event.object.metadata.uid
            life = saw_pod(self.pods.get(uid), event.object, now_s)
            self.pods[uid] = replace(life, gone_s=now_s) if event.type == "DELETED" else life
            self._changed.set()

    async def _watch_nodes(self) -> None:
        async for event in self._client.watch(Node):
            now_s = self._clock.monotonic_s()
            name = event.object.metadata.name
            if event.type == "DELETED":
                self.nodes.pop(name, None)
            else:
                self.nodes[name] = saw_node(self.nodes.get(name), event.object, now_s)
            self._changed.set()

    def _hear(self, message: Message) -> None:
        node, _, _ = subjects.parse_node(message.subject)
        self.heartbeats[node] = self._clock.monotonic_s()
        self._changed.set()
