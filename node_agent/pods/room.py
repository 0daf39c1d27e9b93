"""What the pods of this node leave of it: for one that comes, and for one that grows.

Who is to end gives its place to a new pod at once: for a moment the kernel's limits hold them together. A pod that
grows waits until the other has ended (Kubernetes: the same).

Reads: what is known of a pod, each time that it may have changed. Never: walks all pods.
"""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.plan.environment import Host
from node_agent.pods.work import PodWork
from proto.phases import ENDED
from proto.quantity import in_units

_NOTHING: Mapping[str, int] = {}


class Room:
    """Counts what is asked for, of each resource that the node offers."""

    def __init__(self, host: Host) -> None:
        offered = {name: in_units(name, amount) for name, amount in host.allocatable.items()}
        self._beside_those_who_stay = _Tally(offered)
        self._beside_all_who_live = _Tally(offered)

    def note(self, work: PodWork) -> None:
        """The pod is there, or asks for something else, or is to end, or has ended."""
        asked = work.amounts
        self._beside_those_who_stay.count(work.uid, asked if work.stays else _NOTHING)
        self._beside_all_who_live.count(work.uid, asked if work.reported.phase not in ENDED else _NOTHING)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._beside_those_who_stay.count(uid, _NOTHING)
        self._beside_all_who_live.count(uid, _NOTHING)

    def for_new(self, uid: str) -> Mapping[str, int]:
        """What there is for a pod that comes."""
        return self._beside_those_who_stay.without(uid)

    def for_growth(self, uid: str) -> Mapping[str, int]:
        """What there is for a pod that is here: what it has already, and what is free."""
        return self._beside_all_who_live.without(uid)


class _Tally:
    """What is left of what is offered."""

    def __init__(self, offered: Mapping[str, int]) -> None:
        self._left = dict(offered)
        self._counted: dict[str, Mapping[str, int]] = {}

    def count(self, uid: str, asked: Mapping[str, int]) -> None:
        held = self._counted.get(uid, _NOTHING)
        if held is asked:
            return
        self._give(held, 1)
        self._give(asked, -1)
        if asked:
            self._counted[uid] = asked
        else:
            self._counted.pop(uid, None)

    def without(self, uid: str) -> Mapping[str, int]:
        held = self._counted.get(uid, _NOTHING)
        return {name: left + held.get(name, 0) for name, left in self._left.items()}

    def _give(self, amounts: Mapping[str, int], sign: int) -> None:
        for name in amounts.keys() & self._left.keys():
            self._left[name] += sign * amounts[name]
