"""Ends and removes what belongs to no pod of this node: containers and directories that were left over.

Only after the hub has told everything once: before that, a container without a pod may be one whose assignment this
agent has not heard of yet (its state directory may be new).
"""

from __future__ import annotations

import asyncio
import logging

from node_agent.containers import ContainerTable
from node_agent.operations import Operations, annotated_grace_s
from node_agent.plan.container_ids import parse_container_id
from node_agent.pods import Pods
from node_agent.runtime.port import ContainerState, RuntimeFailure
from node_agent.storage.port import Storage, StorageFailure
from proto.clock import Clock

log = logging.getLogger(__name__)


class Cleanup:
    """Sweeps after each full word of the hub, and now and then."""

    def __init__(
        self,
        pods: Pods,
        containers: ContainerTable,
        operations: Operations,
        storage: Storage,
        clock: Clock,
        every_s: float,
    ) -> None:
        self._pods = pods
        self._containers = containers
        self._operations = operations
        self._storage = storage
        self._clock = clock
        self._every_s = every_s
        self._told = asyncio.Event()

    def allow(self) -> None:
        """The hub has told everything: whatever is unknown now is left over."""
        self._told.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await self._told.wait()
        while True:
            await self.sweep()
            await self._clock.sleep(self._every_s)

    async def sweep(self) -> None:
        """Stop and remove strays, then remove directories."""
        strays = [
            state
            for uid in sorted(self._containers.uids())
            if uid not in self._pods
            for state in self._containers.of_pod(uid)
        ]
        await asyncio.gather(*(self._end(state) for state in strays))
        for uid in sorted(self._storage.pod_uids()):
            if uid not in self._pods and uid not in self._containers.uids():
                await self._remove_directory(uid)

    async def _end(self, state: ContainerState) -> None:
        key = parse_container_id(state.id)
        if key is None:
            return
        log.info("container_left_over id=%s running=%s", state.id, state.running)
        try:
            if state.running:
                await self._operations.stop(key, annotated_grace_s(state.annotations))
            await self._operations.remove(state.id)
        except RuntimeFailure as problem:
            log.warning("container_not_removed id=%s problem=%s", state.id, problem)
        else:
            self._containers.forget(state.id)

    async def _remove_directory(self, uid: str) -> None:
        log.info("pod_directory_left_over uid=%s", uid)
        try:
            await self._storage.remove_pod(uid)
        except StorageFailure as problem:
            log.warning("pod_directory_not_removed uid=%s problem=%s", uid, problem)
