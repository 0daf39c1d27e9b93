"""The room's front: keep the table up to date, place pods, take a placement back.

*Reads*: the nodes and pods it is told of. *Writes*: its own table. *Never*: the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

from control_plane.scheduling.batch import choose
from control_plane.scheduling.changes import NOTHING, Change, counts
from control_plane.scheduling.explanation import explain
from control_plane.scheduling.needs import Needs, needs_of, taken_by
from control_plane.scheduling.table import NodeTable
from proto.objects.core import Node
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a pod goes, or why it goes nowhere.

    `explanation` is the sentence for the pod's condition and event. `retry_on`: the changes that could make an
    unplaceable pod placeable; see `node_changes` and `pod_changes`.
    """

    pod: Pod
    node: str | None
    explanation: str
    retry_on: Change = NOTHING


class _Place(NamedTuple):
    """Where a pod is counted, and as what."""

    row: int
    needs: Needs


class Scheduling:
    """Places pods on the nodes it was told of.

    Feed it every change, in order: `on_node(old, new)` and `on_pod(old, new)`, with None for what was not there or is
    gone. A change that was missed is healed by the next one about the same object.
    """

    def __init__(self) -> None:
        self._table = NodeTable()
        self._places: dict[str, _Place] = {}

    def on_node(self, old: Node | None, new: Node | None) -> None:
        """A node was added (old is None), changed, or removed (new is None)."""
        node = new or old
        if node is not None:
            self._table.set_node(node.metadata.name, new)

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        """A pod was added, changed, or removed: count it where it is bound, until it has finished or is gone.

        A pod that was placed here and is not bound yet keeps its place while it is pending.
        """
        if old is not None and (new is None or identity(new) != identity(old)):
            self._drop(identity(old))
        if new is None:
            return
        if counts(new):
            self._count(new)
        elif new.spec.node_name or new.status.phase != "Pending":
            self._drop(identity(new))

    def place(self, pods: Sequence[Pod]) -> list[Decision]:
        """A decision for each of `pods`, in their order; equal pods are placed as one batch.

        Groups take their turn in the order of their first pod. What is placed is counted at once.
        """
        groups: dict[Needs, list[int]] = {}
        for index, pod in enumerate(pods):
            groups.setdefault(needs_of(pod), []).append(index)
        decisions: dict[int, Decision] = {}
        for needs, members in groups.items():
            batch = self._place_equal(needs, [pods[index] for index in members])
            decisions.update(zip(members, batch, strict=True))
        return [decisions[index] for index in range(len(pods))]

    def forget(self, pod: Pod) -> None:
        """Take back the placement of a pod whose bind failed; no effect on a pod that is not placed."""
        self._drop(identity(pod))

    def _place_equal(self, needs: Needs, pods: Sequence[Pod]) -> Iterable[Decision]:
        """Decisions for pods that have the same needs."""
        self._forget_all(pods)
        rows = choose(needs, len(pods), self._table)
        self._table.take(rows, needs)
        names = [self._table.name(row) for row in rows.tolist()]
        for pod, row in zip(pods, rows.tolist(), strict=False):
            self._places[identity(pod)] = _Place(row, needs)
        placed = (Decision(pod, node, _assigned(pod, node)) for pod, node in zip(pods, names, strict=False))
        if len(names) == len(pods):
            return placed
        unplaced = pods[len(names) :]
        explanation, retry_on = explain(needs, self._table)
        return chain(placed, map(Decision, unplaced, repeat(None), repeat(explanation), repeat(retry_on)))

    def _forget_all(self, pods: Sequence[Pod]) -> None:
        """A pod that is placed anew gives up the place it had, so that it is never counted twice."""
        for pod in pods:
            self._drop(identity(pod))

    def _count(self, pod: Pod) -> None:
        """Count a bound pod on its node, and nowhere else; what it takes is fixed once it is bound."""
        place = self._places.get(identity(pod))
        if place is not None and self._table.name(place.row) == pod.spec.node_name:
            return
        self._drop(identity(pod))
        needs = taken_by(pod)
        self._places[identity(pod)] = _Place(self._table.put(pod.spec.node_name, needs), needs)

    def _drop(self, pod_identity: str) -> None:
        """Count a pod nowhere."""
        place = self._places.pop(pod_identity, None)
        if place is not None:
            self._table.give_back(place.row, place.needs)


def identity(pod: Pod) -> str:
    """What tells one pod from the next of the same name: its uid; its key where it was never stored."""
    return pod.metadata.uid or "/".join(pod.key)


def _assigned(pod: Pod, node: str) -> str:
    return f"Successfully assigned {pod.metadata.namespace}/{pod.metadata.name} to {node}"
