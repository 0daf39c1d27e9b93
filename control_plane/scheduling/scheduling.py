"""The room's front: keep the table up to date, place pods, take a placement back.

*Reads*: the nodes and pods it is told of. *Writes*: its own table. *Never*: the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from control_plane.scheduling.batch import choose
from control_plane.scheduling.changes import NOTHING, Change, counts
from control_plane.scheduling.explanation import explain
from control_plane.scheduling.needs import Needs, needs_of, resize_reason, taken_by
from control_plane.scheduling.nominations import Nomination, Nominations
from control_plane.scheduling.preemption import NEVER, WAITING, Allowances, cheapest, is_hopeful, resolvable
from control_plane.scheduling.preemption import explain as explain_preemption
from control_plane.scheduling.residents import Residents
from control_plane.scheduling.table import NodeTable
from proto.objects.core import Node
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a pod goes, or why it goes nowhere.

    `explanation` is the sentence for the pod's condition and event. `retry_on`: the changes that could make an
    unplaceable pod placeable; see `node_changes` and `pod_changes`. `may_preempt`: it is worth to ask `preempt`.
    """

    pod: Pod
    node: str | None
    explanation: str
    retry_on: Change = NOTHING
    may_preempt: bool = False


@dataclass(frozen=True, slots=True)
class Preemption:
    """Where room is made for a pod, and who is ended for it; or, in a sentence, why not.

    Without victims there is a node too where all that is missing is going already. `keeps`: the pod waits on for the
    node it was nominated for before.
    """

    node: str = ""
    victims: tuple[Pod, ...] = ()
    explanation: str = ""
    keeps: bool = False


class _Place(NamedTuple):
    """Where a pod is counted, and as what; `stamp` is that of the state from which its needs were read."""

    row: int
    needs: Needs
    stamp: tuple[int | None, str | None] | None = None


class Scheduling:
    """Places pods on the nodes it was told of.

    Feed it every change, in order: `on_node(old, new)` and `on_pod(old, new)`, with None for what was not there or is
    gone. A change that was missed is healed by the next one about the same object.
    """

    def __init__(self) -> None:
        self._table = NodeTable()
        self._places: dict[str, _Place] = {}
        self._residents = Residents()
        self._nominations = Nominations(self._table)

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
            self._nominations.end(identity(old))
        if new is None:
            return
        waits = not new.spec.node_name and new.status.phase == "Pending"
        if counts(new):
            self._count(new)
        elif not waits:
            self._drop(identity(new))
        if waits and not new.deleting and identity(new) not in self._places:
            self._nominations.observe(identity(new), new)
        else:
            self._nominations.end(identity(new))

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

    def preempt(self, pod: Pod, allowances: Allowances) -> Preemption:
        """Make room for a pod that fits nowhere, at the cost of less important ones; see `preemption`.

        Room that is found is kept for the pod, and its victims count as going, until `withdraw` and `spare` or until
        the changes that follow are told.
        """
        needs, key = needs_of(pod), identity(pod)
        if not needs.preempts:
            return Preemption(explanation=NEVER)
        held = self._nominations.of(key)
        if held is not None and self._is_worth_waiting(held, needs):
            return Preemption(explanation=WAITING, keeps=True)
        self._nominations.end(key)
        with self._nominations.without(needs.priority, ()):
            found = cheapest(needs, self._table, self._residents, allowances)
        if found is None:
            return Preemption(explanation=explain_preemption(needs, self._table))
        self._residents.decide(each.identity for each in found.pods)
        node = self._table.name(found.row)
        self._nominations.decide(key, node, needs)
        return Preemption(node, tuple(each.pod for each in found.pods))

    def _is_worth_waiting(self, held: Nomination, needs: Needs) -> bool:
        """Whether the node is still good for the pod, and somebody is about to leave it."""
        waits = self._residents.anyone_going(held.row, needs.priority)
        return waits and bool(resolvable(needs, self._table)[held.row])

    def withdraw(self, pod: Pod) -> None:
        """Keep no room any more for a pod whose nomination could not be written."""
        self._nominations.end(identity(pod))

    def spare(self, victim: Pod) -> None:
        """Count on a victim whose end could not be asked for."""
        self._residents.spare(identity(victim))

    def forget(self, pod: Pod) -> None:
        """Take back the placement of a pod whose bind failed; no effect on a pod that is not placed."""
        self._drop(identity(pod))

    def _place_equal(self, needs: Needs, pods: Sequence[Pod]) -> Iterable[Decision]:
        """Decisions for pods that have the same needs."""
        self._forget_all(pods)
        with self._nominations.without(needs.priority, map(identity, pods)):
            rows = choose(needs, len(pods), self._table)
            self._table.take(rows, needs)
            names = [self._table.name(row) for row in rows.tolist()]
            unplaced = self._unplaced(needs, pods[len(names) :])
        for pod, row in zip(pods, rows.tolist(), strict=False):
            self._places[identity(pod)] = _Place(row, needs)
            self._nominations.end(identity(pod))
        placed = (Decision(pod, node, _assigned(pod, node)) for pod, node in zip(pods, names, strict=False))
        return chain(placed, unplaced)

    def _unplaced(self, needs: Needs, pods: Sequence[Pod]) -> Iterable[Decision]:
        """Decisions for equal pods that fit nowhere: why, and whether ending others could help."""
        if not pods:
            return ()
        explanation, retry_on = explain(needs, self._table)
        hopeful = is_hopeful(needs, self._table, self._residents)
        if not hopeful:
            explanation = f"{explanation} {explain_preemption(needs, self._table)}".strip()
        return [Decision(pod, None, explanation, retry_on, hopeful) for pod in pods]

    def _forget_all(self, pods: Sequence[Pod]) -> None:
        """A pod that is placed anew gives up the place it had, so that it is never counted twice."""
        for pod in pods:
            self._drop(identity(pod))

    def _count(self, pod: Pod) -> None:
        """Count a bound pod on its node, and nowhere else; what it takes changes with its generation or a resize."""
        place = self._places.get(identity(pod))
        stamp = (pod.metadata.generation, resize_reason(pod))
        if place is not None and place.stamp is None:
            place = self._places[identity(pod)] = place._replace(stamp=stamp)
        moved = place is None or self._table.name(place.row) != pod.spec.node_name
        if place is None or moved or place.stamp != stamp:
            self._drop(identity(pod))
            needs = taken_by(pod)
            place = self._places[identity(pod)] = _Place(self._table.put(pod.spec.node_name, needs), needs, stamp)
        self._residents.put(identity(pod), place.row, pod, place.needs)

    def _drop(self, pod_identity: str) -> None:
        """Count a pod nowhere."""
        self._residents.drop(pod_identity)
        place = self._places.pop(pod_identity, None)
        if place is not None:
            self._table.give_back(place.row, place.needs)


def identity(pod: Pod) -> str:
    """What tells one pod from the next of the same name: its uid; its key where it was never stored."""
    return pod.metadata.uid or "/".join(pod.key)


def _assigned(pod: Pod, node: str) -> str:
    return f"Successfully assigned {pod.metadata.namespace}/{pod.metadata.name} to {node}"
