"""Measures what pods with limits of local storage take of the disk, and evicts those that take more.

Directories are walked in a thread, one pod after the other, and between two of them it rests for ten times as long as
the walk took: however large they are, a tenth of a core is all that it costs, and then a limit is noticed later.

Reads: the pods, the sizes of their directories. Writes: evictions, to the pods. Never: decides what is too much.
"""

from __future__ import annotations

import logging

from node_agent.plan.local_storage import excess, is_limited
from node_agent.plan.view import Eviction
from node_agent.pods.pods import Pods
from node_agent.storage.port import Storage
from proto.clock import Clock
from proto.objects.pod import Pod
from proto.phases import ENDED

log = logging.getLogger(__name__)

REST_FACTOR = 10.0
GRACE_S = 1.0
"""What an evicted pod's programs have to end (Kubernetes: immediateEvictionGracePeriodSeconds)."""


class LocalStorage:
    """The measuring of all pods."""

    def __init__(self, pods: Pods, storage: Storage, clock: Clock, every_s: float) -> None:
        self._pods = pods
        self._storage = storage
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            for pod in self._pods.that(_counts):
                took_s = await self._look(pod)
                await self._clock.sleep(took_s * REST_FACTOR)
            await self._clock.sleep(self._every_s)

    async def _look(self, pod: Pod) -> float:
        """Measure one pod, and what follows from it; how long that took, in seconds."""
        begun_s = self._clock.monotonic_s()
        message = excess(pod, await self._storage.space_of(pod.metadata.uid))
        if message:
            log.warning("evicting pod=%s/%s message=%s", *pod.key, message)
            self._pods.evict(pod.metadata.uid, Eviction(message, GRACE_S))
        return self._clock.monotonic_s() - begun_s


def _counts(pod: Pod) -> bool:
    return pod.status.phase not in ENDED and not pod.deleting and is_limited(pod)
