"""The pods on each row by priority: what could be had of a node by ending those that matter less.

Beside the pods themselves, the amounts that pods of one priority take are kept as an array over all rows, so that a
question about all nodes is a few sums; there is one such array for each priority and resource in use.

A pod is *going* when its deletion was asked for, or was decided here: it still takes its room, and nobody has to end it
any more.

*Reads*: bound pods. *Never*: decides anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from control_plane.scheduling.needs import Needs, Port
from control_plane.scheduling.rows import Counts
from control_plane.scheduling.tally import Tally
from proto.objects.pod import Pod


class Resident(NamedTuple):
    """A pod on a node, and what it takes there."""

    identity: str
    pod: Pod
    needs: Needs

    @property
    def priority(self) -> int:
        """The higher, the more important."""
        return self.needs.priority


class Residents:
    """All bound pods that take room."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._pods: defaultdict[int, dict[str, Resident]] = defaultdict(dict)
        self._taken: dict[tuple[int, str], Counts] = {}
        self._ports: Tally[tuple[int, Port]] = Tally()
        self._numbers: Counter[int] = Counter()
        self._decided: set[str] = set()

    def put(self, identity: str, row: int, pod: Pod, needs: Needs) -> None:
        """The pod is on that row, in its newest state."""
        if identity not in self._rows:
            self._rows[identity] = row
            self._count(row, needs, 1)
        self._pods[row][identity] = Resident(identity, pod, needs)

    def drop(self, identity: str) -> None:
        """The pod takes no room any more; no effect if it took none."""
        row = self._rows.pop(identity, None)
        if row is None:
            return
        self._decided.discard(identity)
        gone = self._pods[row].pop(identity)
        self._count(row, gone.needs, -1)
        if not self._pods[row]:
            del self._pods[row]

    def decide(self, identities: Iterable[str]) -> None:
        """These pods are going to be ended."""
        self._decided.update(identities)

    def spare(self, identity: str) -> None:
        """The pod is not going to be ended after all."""
        self._decided.discard(identity)

    def priorities_below(self, priority: int) -> list[int]:
        """The priorities in use that are lower, the lowest first."""
        return sorted(each for each in self._numbers if each < priority)

    def below(self, row: int, priority: int) -> list[Resident]:
        """The pods of a row that matter less."""
        return [each for each in self._pods.get(row, {}).values() if each.priority < priority]

    def is_going(self, resident: Resident) -> bool:
        """Whether the pod will give up its room by itself."""
        return resident.pod.deleting or resident.identity in self._decided

    def anyone_going(self, row: int, priority: int) -> bool:
        """Whether a pod of a row that matters less is going."""
        return any(self.is_going(each) for each in self.below(row, priority))

    def taken(self, priority: int, resource: str, size: int) -> Counts:
        """What pods of that very priority take, for all rows below `size`."""
        known = self._taken.get((priority, resource))
        counts = np.zeros(size, dtype=np.int64)
        if known is not None:
            shared = min(size, len(known))
            counts[:shared] = known[:shared]
        return counts

    def holding(self, priority: int, port: Port, size: int) -> Counts:
        """How many pods of that very priority hold a port, for all rows below `size`."""
        return self._ports.dense((priority, port), size)

    def _count(self, row: int, needs: Needs, times: int) -> None:
        self._numbers[needs.priority] += times
        for resource, count in needs.amounts:
            key = needs.priority, resource
            counts = self._taken.get(key)
            if counts is None or len(counts) <= row:
                counts = self._taken[key] = _grown(counts, row + 1)
            counts[row] += count * times
        for port in needs.ports:
            self._ports.add((needs.priority, port), row, times)
        if not self._numbers[needs.priority]:
            del self._numbers[needs.priority]
            self._taken = {key: counts for key, counts in self._taken.items() if key[0] != needs.priority}


def _grown(counts: Counts | None, size: int) -> Counts:
    """An array with room for `size` rows, and as many again."""
    old = np.zeros(0, dtype=np.int64) if counts is None else counts
    return np.pad(old, (0, 2 * size - len(old)))
