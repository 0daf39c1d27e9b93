"""Who is still on a node, and when a budget has changed: two watches that a drain waits on.

*Reads*: the pods of one node and all budgets. *Writes*: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proto.cancelling import cancelled
from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import ApiError
from setpoint.cli.draining.choosing import Item

_POD, _BUDGET = BY_KIND["Pod"], BY_KIND["PodDisruptionBudget"]

RETRY_S = 1.0


class Departures:
    """The pods of one node, and the news of budgets; made by `watching`."""

    def __init__(self, client: RawClient, node: str):
        self._client = client
        self._on_node = f"spec.nodeName={node}"
        self._present: set[str] = set()
        self._left = asyncio.Event()
        self._budgets = asyncio.Event()

    async def pods(self, label_selector: str = "") -> list[Item]:
        """The pods that are there now, those with such labels."""
        pods, _ = await self._list()
        self._present = {pod["metadata"]["uid"] for pod in pods}
        if not label_selector:
            return pods
        return (await self._list(label_selector))[0]

    def holds(self, pod: Item) -> bool:
        """Whether that pod is still there, as far as is known."""
        return pod["metadata"]["uid"] in self._present

    async def gone(self, uid: str) -> None:
        """Wait until the pod of that uid is gone."""
        while uid in self._present:
            await self._left.wait()

    async def budget_changed(self, within_s: float) -> None:
        """Wait until any budget has changed, or for so long."""
        try:
            async with asyncio.timeout(within_s):
                await self._budgets.wait()
        except TimeoutError:
            pass

    async def follow_pods(self) -> None:
        """Keep up with who leaves, for ever."""
        while True:
            try:
                pods, revision = await self._list()
                self._present = {pod["metadata"]["uid"] for pod in pods}
                self._left = _rung(self._left)
                events = watch_raw(self._client.bus, _POD, revision=revision, field_selector=self._on_node)
                async for event in events:
                    if event.type == "DELETED":
                        self._present.discard(event.object["metadata"]["uid"])
                        self._left = _rung(self._left)
            except ApiError:
                await asyncio.sleep(RETRY_S)

    async def follow_budgets(self) -> None:
        """Keep up with the budgets, for ever."""
        while True:
            try:
                async for _ in watch_raw(self._client.bus, _BUDGET):
                    self._budgets = _rung(self._budgets)
            except ApiError:
                await asyncio.sleep(RETRY_S)

    async def _list(self, label_selector: str = "") -> tuple[list[Item], str]:
        chosen = {"labelSelector": label_selector} if label_selector else {}
        listed = (await self._client.list_all(_POD, "", fieldSelector=self._on_node, **chosen)).body
        return listed.get("items", []), str(listed["metadata"]["resourceVersion"])


def _rung(bell: asyncio.Event) -> asyncio.Event:
    """Wake all who wait; the bell for who comes later."""
    bell.set()
    return asyncio.Event()


@asynccontextmanager
async def watching(client: RawClient, node: str) -> AsyncIterator[Departures]:
    """Departures that are followed within the block."""
    departures = Departures(client, node)
    tasks = [asyncio.create_task(departures.follow_pods()), asyncio.create_task(departures.follow_budgets())]
    try:
        yield departures
    finally:
        await cancelled(tasks)
