"""The pods that wait for a node: those to be tried now, and those parked until something changes that could help.

A parked pod is tried again when a change happens that one of the filters which refused it has named, and once in a
while in case a change was overlooked. Retries of a large crowd are spaced by what the last one cost, so that a
cluster full of unplaceable pods does not spend its time on them.

*Reads and writes*: its own tables; PURE but for the order of calls.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from control_plane.scheduling import Change
from proto.objects.pod import Pod

PodKey = tuple[str, str]
NOTHING = Change(0)


def awaits_node(pod: Pod | None) -> bool:
    """Whether the scheduler has to find a node for it."""
    if pod is None or pod.spec.node_name or pod.spec.scheduling_gates:
        return False
    return not pod.deleting and pod.status.phase == "Pending"


class _Turn(NamedTuple):
    """When a pod has its turn: the most important first, then the oldest, then whoever came first."""

    importance: int
    created: float
    number: int
    key: PodKey


class PendingPods:
    """Pods without a node, in the order of their turns (Kubernetes: PrioritySort)."""

    def __init__(self) -> None:
        self._ready: dict[PodKey, tuple[Pod, int]] = {}
        self._turns: list[_Turn] = []
        self._numbers = count()
        self._parked: dict[PodKey, tuple[Pod, Change]] = {}
        self._hinted = NOTHING

    def __len__(self) -> int:
        """Pods to be tried now."""
        return len(self._ready)

    @property
    def parked(self) -> int:
        """Pods that wait for a change."""
        return len(self._parked)

    @property
    def hinted(self) -> bool:
        """Whether a change has happened that may help a parked pod."""
        return bool(self._hinted) and bool(self._parked)

    def put(self, pod: Pod) -> None:
        """A pod to be tried now, or the newer state of one that waits already.

        A parked pod stays parked while its spec stays as it is: writing why it is unplaceable changes nothing.
        """
        parked = self._parked.get(pod.key)
        if parked is not None and parked[0].metadata.uid == pod.metadata.uid and parked[0].spec == pod.spec:
            self._parked[pod.key] = (pod, parked[1])
            return
        self._parked.pop(pod.key, None)
        self._queue(pod)

    def drop(self, key: PodKey) -> None:
        """A pod that needs no node any more."""
        self._ready.pop(key, None)
        self._parked.pop(key, None)

    def take(self, most: int) -> list[Pod]:
        """Up to `most` pods to be tried, in the order of their turns; they are not pending any more."""
        taken: list[Pod] = []
        while self._ready and len(taken) < most:
            turn = heappop(self._turns)
            pod, number = self._ready.get(turn.key, (None, -1))
            if pod is not None and number == turn.number:
                del self._ready[turn.key]
                taken.append(pod)
        if not self._ready:
            self._turns.clear()
        return taken

    def park(self, pod: Pod, retry_on: Change) -> None:
        """A pod that fits nowhere now, until one of `retry_on` happens."""
        self._parked[pod.key] = (pod, retry_on)

    def hint(self, change: Change) -> None:
        """Something changed; costs the same however many pods are parked."""
        self._hinted |= change

    def wake(self, *, everyone: bool = False) -> None:
        """Let the parked pods be tried again that the noted changes could help, or all of them."""
        hinted, self._hinted = self._hinted, NOTHING
        woken = [key for key, (_, retry_on) in self._parked.items() if everyone or retry_on & hinted]
        for key in woken:
            self._queue(self._parked.pop(key)[0])

    def _queue(self, pod: Pod) -> None:
        """Give a pod its turn; a pod that has one keeps it, in its newest state."""
        held = self._ready.get(pod.key)
        if held is not None and held[0].metadata.uid == pod.metadata.uid:
            self._ready[pod.key] = (pod, held[1])
            return
        number, created = next(self._numbers), pod.metadata.creation_timestamp
        self._ready[pod.key] = (pod, number)
        turn = _Turn(-(pod.spec.priority or 0), created.timestamp() if created else 0.0, number, pod.key)
        heappush(self._turns, turn)
