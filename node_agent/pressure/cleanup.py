"""Ends and removes what belongs to no pod of this node: containers, directories and control groups that were left over.

Only after the hub has told everything once: before that, a container without a pod may be one whose assignment this
agent has not heard of yet (its state directory may be new).

Reads: pods, containers, the state directory, the runtime. Writes: ends and removes strays. Never: touches what belongs
to a pod.
"""

from __future__ import annotations

import asyncio
import logging

from node_agent.containers.operations import Operations, annotated_grace_s
from node_agent.containers.table import ContainerTable
from node_agent.plan.container_ids import parse_container_id
from node_agent.pods.pods import Pods
from node_agent.runtime.abilities import Swept
from node_agent.runtime.port import ContainerState, RuntimeFailure
from node_agent.storage.port import Storage, StorageFailure
from proto.clock import Clock
from proto.garbage import Garbage
from proto.objects.meta import evolve

log = logging.getLogger(__name__)


class Cleanup:
    """Sweeps after each full word of the hub, now and then, and when it is asked to."""

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

    @property
    def allowed(self) -> bool:
        """Whether it is known which pods belong here, and which containers there are."""
        return self._told.is_set() and self._containers.listed

    def allow(self) -> None:
        """The hub has told everything: whatever is unknown now is left over."""
        self._told.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        await self._told.wait()
        while True:
            await self.sweep()
            await self._clock.sleep(self._every_s)

    async def survey(self) -> tuple[Garbage, ...]:
        """What a sweep would remove now."""
        strays = tuple(_of_container(state) for state in self._strays())
        directories = (_of_directory(uid) for uid in sorted(self._storage.pod_uids()) if uid not in self._pods)
        return (*strays, *directories, *await self._groups(dry_run=True))

    async def sweep(self) -> tuple[Garbage, ...]:
        """Stop and remove strays, then remove directories; what became of each."""
        if not self._containers.listed:
            return ()
        ended = await asyncio.gather(*(self._end(state) for state in self._strays()))
        removed = [
            await self._remove_directory(uid)
            for uid in sorted(self._storage.pod_uids())
            if uid not in self._pods and uid not in self._containers.uids()
        ]
        return (*ended, *removed, *await self._groups())

    def _strays(self) -> list[ContainerState]:
        return [
            state
            for uid in sorted(self._containers.uids())
            if uid not in self._pods
            for state in self._containers.of_pod(uid)
        ]

    async def _end(self, state: ContainerState) -> Garbage:
        found = _of_container(state)
        key = parse_container_id(state.id)
        assert key is not None, "the table holds containers of pods only"
        log.info("container_left_over id=%s running=%s", state.id, state.running)
        try:
            if state.running:
                await self._operations.stop(key, annotated_grace_s(state.annotations))
            await self._operations.remove(state.id)
        except RuntimeFailure as problem:
            log.warning("container_not_removed id=%s problem=%s", state.id, problem)
            return evolve(found, outcome="Failed", problem=str(problem))
        self._containers.forget(state.id)
        return evolve(found, outcome="Removed")

    async def _groups(self, *, dry_run: bool = False) -> tuple[Garbage, ...]:
        """Control groups of no container; none while the runtime cannot tell, it will be asked again."""
        try:
            swept = await self._operations.sweep(dry_run=dry_run)
        except RuntimeFailure as problem:
            log.info("groups_not_swept problem=%s", problem)
            return ()
        if swept and not dry_run:
            log.info("groups_left_over names=%s", ",".join(each.name for each in swept))
        return tuple(_of_group(each, dry_run=dry_run) for each in swept)

    async def _remove_directory(self, uid: str) -> Garbage:
        found = _of_directory(uid)
        log.info("pod_directory_left_over uid=%s", uid)
        try:
            await self._storage.remove_pod(uid)
        except StorageFailure as problem:
            log.warning("pod_directory_not_removed uid=%s problem=%s", uid, problem)
            return evolve(found, outcome="Failed", problem=str(problem))
        return evolve(found, outcome="Removed")


def _of_container(state: ContainerState) -> Garbage:
    words = (
        "it runs, and no pod of this node has it" if state.running else "it has ended, and no pod of this node has it"
    )
    return Garbage(kind="Container", name=state.id, reason="no_pod", message=words)


def _of_directory(uid: str) -> Garbage:
    return Garbage(kind="PodDirectory", name=uid, reason="no_pod", message="no pod of this node has that uid")


def _of_group(swept: Swept, *, dry_run: bool) -> Garbage:
    alive = "1 process lives" if len(swept.pids) == 1 else f"{len(swept.pids)} processes live"
    words = f"{alive} in it, and" if swept.pids else "it is empty, and"
    return Garbage(
        kind="ControlGroup",
        name=swept.name,
        reason="no_container",
        message=f"{words} no container of this node has it",
        outcome="Found" if dry_run else "Removed" if swept.removed else "Terminating",
    )
