"""Performing a pod's steps: each is a task, begun by marking what is under way and ended by noting what came of it.

Reads: steps. Writes: the runtime (through `operations`), what the pod's work remembers, events. Never: plans.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from node_agent.containers.operations import Operations
from node_agent.containers.table import ContainerTable
from node_agent.health.hooks import Hooks
from node_agent.plan.environment import Host
from node_agent.plan.events import hook_failed, killing
from node_agent.plan.lives import failed_start
from node_agent.plan.messages import unread_messages
from node_agent.plan.resizing import RETRY_S
from node_agent.plan.view import PostStart, Remove, Resize, Start, Step, Stop, Unresized
from node_agent.plan.volumes import File, changing_files
from node_agent.pods.reporting import Reporting
from node_agent.pods.work import PodWork
from node_agent.runtime.port import ContainerState, RuntimeFailure, StartFailed
from node_agent.volumes.keeper import VolumeFailure
from proto.clock import Clock

log = logging.getLogger(__name__)

STARTS_AT_ONCE = 32
"""More than the runtime begins at a time; what a start needs of memory meanwhile is never given back in full."""


class Performer:
    """Does what plans say."""

    def __init__(
        self,
        *,
        operations: Operations,
        hooks: Hooks,
        containers: ContainerTable,
        reporting: Reporting,
        clock: Clock,
    ) -> None:
        self._operations = operations
        self._hooks = hooks
        self._containers = containers
        self._reporting = reporting
        self._clock = clock
        self._turns = asyncio.Semaphore(STARTS_AT_ONCE)

    def begin(self, work: PodWork, step: Step) -> None:
        """Mark a step as under way, so that the next plan does not contain it again."""
        log.info("pod=%s/%s container=%s step=%s reason=%s", *work.pod.key, step.id, type(step).__name__, step.reason)
        if not isinstance(step, Stop):
            work.busy.add(str(step.id))
            return
        if str(step.id) not in work.stopping and work.assigned:
            self._reporting.tell(killing(work.pod, step))
        work.stopping[str(step.id)] = step.kill_at

    async def perform(self, work: PodWork, step: Step) -> None:
        """Do it.

        Raises:
            RuntimeFailure: the runtime is out of reach, or fails.
            StorageFailure: the disk does.
        """
        try:
            match step:
                case Start():
                    await self._start(work, step)
                case PostStart():
                    await self._post_start(work, step)
                case Resize():
                    await self._resize(work, step)
                case Stop():
                    await self._stop(work, step)
                case Remove():
                    await self._remove(work, step)
        finally:
            if not isinstance(step, Stop):
                work.busy.discard(str(step.id))

    def running(self, work: PodWork, container_ids: frozenset[str]) -> None:
        """These containers of the pod run: hooks of all others are not waited for."""
        self._hooks.end_all_but(work.uid, container_ids)

    def read_messages(self, work: PodWork, states: tuple[ContainerState, ...]) -> None:
        """Take note of what the pod's programs said of ends that are news. It is little, and there: nothing waits."""
        for source in unread_messages(work.pod, states, work.reported, work.messages):
            work.messages[str(source.id)] = self._operations.message(source)

    def stale_files(self, work: PodWork, host: Host) -> Mapping[str, Mapping[str, File]] | None:
        """What the files of the pod's volumes should be, if they were told of differently before."""
        if not work.pod.spec.volumes:
            return None
        files = changing_files(work.pod, work.config, host)
        return None if self._operations.volumes_are_current(work.pod, files) else files

    async def refresh_volumes(self, work: PodWork, files: Mapping[str, Mapping[str, File]]) -> None:
        """Bring the files to that.

        Raises:
            StorageFailure: the disk fails.
        """
        await self._operations.refresh_volumes(work.pod, files)

    async def _start(self, work: PodWork, step: Start) -> None:
        try:
            async with self._turns:
                state = await self._operations.start(work.pod, step)
        except StartFailed as failure:
            work.failed[step.id.container] = failed_start(step.id, step.series, str(failure), self._clock.now())
        except VolumeFailure as failure:
            work.unmounted = str(failure)
            raise
        else:
            work.unmounted = ""
            work.failed.pop(step.id.container, None)
            self._containers.note(state)

    async def _post_start(self, work: PodWork, step: PostStart) -> None:
        problem = await self._hooks.run(step.target, step.handler)
        if problem:
            if str(step.id) not in work.stopping:  # A hook that ended because its container was stopped is no news.
                self._reporting.tell(hook_failed(work.pod, "PostStart", problem))
            work.ungreeted[str(step.id)] = problem
        else:
            work.greeted.add(str(step.id))

    async def _stop(self, work: PodWork, step: Stop) -> None:
        try:
            grace_s = step.grace_s if step.pre_stop is None else await self._pre_stop(work, step)
            state = await self._operations.stop(step.id, grace_s)
        except RuntimeFailure:
            work.stopping.pop(str(step.id), None)
            raise
        if state is None:
            self._containers.forget(str(step.id))
        else:
            self._containers.note(state)

    async def _resize(self, work: PodWork, step: Resize) -> None:
        """What cannot be resized now is told, and tried again."""
        container_id = str(step.id)
        try:
            state = await self._operations.resize(step.id, step.limits)
        except RuntimeFailure as problem:
            retry_at = self._clock.now() + timedelta(seconds=RETRY_S)
            work.unresized[container_id] = Unresized(step.limits, str(problem), retry_at)
            return
        work.unresized.pop(container_id, None)
        if state is not None:
            self._containers.note(state)

    async def _pre_stop(self, work: PodWork, step: Stop) -> float:
        """The preStop hook; how much of the grace is left after it, in seconds.

        The runtime is told of the end of the grace first, so that it comes even if this agent does not live that long.
        """
        if step.grace_s <= 0 or step.pre_stop is None:
            return step.grace_s
        begun_s = self._clock.monotonic_s()
        await self._operations.kill_after(step.id, step.grace_s)
        target, handler = step.pre_stop
        problem = await self._hooks.run(target, handler, step.grace_s)
        if problem:
            self._reporting.tell(hook_failed(work.pod, "PreStop", problem))
        return max(step.grace_s - (self._clock.monotonic_s() - begun_s), 0.0)

    async def _remove(self, work: PodWork, step: Remove) -> None:
        await self._operations.remove(str(step.id))
        self._containers.forget(str(step.id))
        work.forget(str(step.id))
