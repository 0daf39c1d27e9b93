"""The pods that wait for a node: those to be tried now, and those parked until something changes that could help.

A parked pod is tried again when a change happens that one of the filters which refused it has named, and once in a
while in case a change was overlooked. Retries of a large crowd are spaced by what the last one cost, so that a
cluster full of unplaceable pods does not spend its time on them.

*Reads and writes*: its own tables; PURE but for the order of calls.
"""

from __future__ import annotations

from control_plane.scheduling import Change
from proto.objects.pod import Pod

PodKey = tuple[str, str]
NOTHING = Change(0)


def awaits_node(pod: Pod | None) -> bool:
    """Whether the scheduler has to find a node for it."""
    return pod is not None and not pod.spec.node_name and not pod.deleting and pod.status.phase == "Pending"


class PendingPods:
    """Pods without a node, first come first served."""

    def __init__(self) -> None:
        self._ready: dict[PodKey, Pod] = {}
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
        self._ready[pod.key] = pod

    def drop(self, key: PodKey) -> None:
        """A pod that needs no node any more."""
        self._ready.pop(key, None)
        self._parked.pop(key, None)

    def take(self, count: int) -> list[Pod]:
        """Up to `count` pods to be tried, in the order they came; they are not pending any more."""
        keys = [key for key, _ in zip(self._ready, range(count), strict=False)]
        return [self._ready.pop(key) for key in keys]

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
            self._ready[key] = self._parked.pop(key)[0]
