"""One replica of the control plane, composed from ports: a mirror, the API, a part in the election, and leading.

    bus, store, keys, clock, ids ──► ControlPlane ──► mirror ──► api           (every replica)
                                                  └─► election ──► leadership  (one)

The programs give it NATS and the system's clock; tests and the simulator give it the ports in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from control_plane.api.server import ApiServer
from control_plane.engine.bootstrap import missing
from control_plane.engine.election import Election
from control_plane.leadership import Leadership, Settings
from control_plane.store.mirror import Mirror
from control_plane.store.port import LeaderKeys, Store
from control_plane.tasks import Tasks
from proto.bus.port import Bus
from proto.clock import Clock
from proto.ids import Ids

__all__ = ["ControlPlane", "PartEnded", "Settings"]

READY_POLL_S = 0.05


class PartEnded(Exception):
    """Something that must not end has ended; its last words are in the log."""


class ControlPlane:
    """One replica. It does not own the bus and the store: whoever made them closes them after `stop`."""

    def __init__(self, bus: Bus, store: Store, leader_keys: LeaderKeys, clock: Clock, ids: Ids, settings: Settings):
        self.mirror = Mirror(store, clock=clock)
        self.holder = settings.holder
        self._clock = clock
        self._tasks = Tasks(self._fail)
        self._election_task = Tasks(self._fail)
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._leadership = Leadership(bus, store, self.mirror, clock, ids, settings, self._fail)
        self.election = Election(
            leader_keys,
            settings.holder,
            clock,
            start=self._leadership.start,
            stop=self._leadership.stop,
            pace=settings.election,
        )
        self._api = ApiServer(bus, store, self.mirror, clock, ids)
        self._serving = False

    @property
    def leading(self) -> bool:
        """Whether this replica is the leader now."""
        return self.election.leading

    async def start(self) -> None:
        """Load the mirror, serve the API, stand for election; returns when the cluster can take objects.

        Raises:
            PartEnded
        """
        self._tasks.spawn("mirror", self.mirror.run())
        await self._unless_failed(self.mirror.wait_synced())
        await self._api.start()
        self._serving = True
        self._election_task.spawn("election", self.election.run())
        await self._unless_failed(self._built_in_exists())

    async def stop(self) -> None:
        """Give leadership up, so that another replica takes over at once, and stop serving."""
        await self._election_task.stop()
        await self.election.resign()
        if self._serving:
            await self._api.stop()
            self._serving = False
        await self._tasks.stop()

    async def failed(self) -> str:
        """Wait until something that must not end has ended; what it was. The program should exit then."""
        return await asyncio.shield(self._failed)

    def _fail(self, task: str) -> None:
        if not self._failed.done():
            self._failed.set_result(task)

    async def _unless_failed(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, or raise if something died that it may be waiting for."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise PartEnded(f"{self._failed.result()} ended while the control plane was starting")
            task.result()
        finally:
            task.cancel()

    async def _built_in_exists(self) -> None:
        while missing(self.mirror):
            await self._clock.sleep(READY_POLL_S)
