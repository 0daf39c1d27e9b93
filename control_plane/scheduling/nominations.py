"""Room that is kept for pods which wait until their victims are gone.

A nominated pod counts on its node as if it was there already, for everyone who does not matter more. For those who do
it is thought away while they are placed; then it has lost its room, and looks for another when it is tried again.

A nomination that was decided here is certain before it is written; until the pod is seen to carry it, older states of
the pod do not count.

*Reads*: pods that wait. *Writes*: what is taken in the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from control_plane.scheduling.needs import Needs, needs_of
from control_plane.scheduling.table import NodeTable
from proto.objects.pod import Pod


class Nomination(NamedTuple):
    """Where room is kept, for what; `seen`: the pod carries it."""

    node: str
    row: int
    needs: Needs
    seen: bool


class Nominations:
    """All of them, by the identity of the pod."""

    def __init__(self, table: NodeTable) -> None:
        self._table = table
        self._held: dict[str, Nomination] = {}

    def of(self, identity: str) -> Nomination | None:
        """The nomination of a pod."""
        return self._held.get(identity)

    def decide(self, identity: str, node: str, needs: Needs) -> None:
        """Keep room for a pod from now on."""
        self.end(identity)
        self._held[identity] = Nomination(node, self._table.put(node, needs), needs, seen=False)

    def observe(self, identity: str, pod: Pod) -> None:
        """A pod waits, and carries a nomination or none."""
        node, held = pod.status.nominated_node_name, self._held.get(identity)
        if held is not None and held.node == node:
            self._held[identity] = held._replace(seen=True)
        elif held is None or held.seen:
            self.end(identity)
            if node:
                needs = needs_of(pod)
                self._held[identity] = Nomination(node, self._table.put(node, needs), needs, seen=True)

    def end(self, identity: str) -> None:
        """Keep no room for it any more; no effect if there is none."""
        held = self._held.pop(identity, None)
        if held is not None:
            self._table.give_back(held.row, held.needs)

    @contextmanager
    def without(self, priority: int, own: Iterable[str]) -> Iterator[None]:
        """Think away the nominations of less important pods, and those of `own`."""
        if not self._held:
            yield
            return
        lifted = {key for key, held in self._held.items() if held.needs.priority < priority}
        lifted.update(key for key in own if key in self._held)
        for key in lifted:
            self._table.give_back(self._held[key].row, self._held[key].needs)
        try:
            yield
        finally:
            for key in lifted:
                held = self._held[key]
                self._held[key] = held._replace(row=self._table.put(held.node, held.needs))
