"""The nodes as rows of arrays: what each is and offers, and what is taken of it.

A row belongs to a node's *name* from the first time that a Node or a bound pod mentions it until neither does, so that
pods may be heard of before their node, and a node that returns finds its pods counted. Rows that are given back are
used again. Every change costs O(what changed).

*Reads*: nodes, and the needs of pods. *Never*: decides anything.
"""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.facets import Facet, Facets
from control_plane.scheduling.needs import Needs, Port
from control_plane.scheduling.resources import Resources
from control_plane.scheduling.rows import Counts, Mask, Rows
from control_plane.scheduling.tally import Tally
from proto.objects.core import Node
from proto.objects.meta import find_condition

ROWS_AT_FIRST = 16


class NodeTable:
    """All rows. Arrays have one entry a row, spare rows included; `present` tells which rows have a Node."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []
        self.present: Mask = np.zeros(0, dtype=np.bool_)
        self.ready: Mask = np.zeros(0, dtype=np.bool_)
        self.resources = Resources()
        self.ports: Tally[Port] = Tally()
        self.owners: Tally[str] = Tally()
        self._facets = Facets()
        self._names: list[str] = []
        self._rows: dict[str, int] = {}
        self._pods: list[int] = []
        self._spare: list[int] = []
        self._ranks: Counts | None = None
        self._grow(ROWS_AT_FIRST)

    def set_node(self, name: str, node: Node | None) -> None:
        """The node of that name is now `node`, or gone."""
        row = self.row_of(name)
        before, self.nodes[row] = self.nodes[row], node
        self.present[row] = node is not None and not node.deleting
        self.ready[row] = node is not None and is_ready(node)
        self.resources.offer(row, {} if node is None else node.status.allocatable)
        if not _same_facets(before, node):
            self._facets.node_changed(row, node)
        self._release_unused(row)

    def take(self, rows: Rows, needs: Needs) -> None:
        """Count one pod of `needs` on each of `rows`; a row may occur several times."""
        distinct, times = np.unique(rows, return_counts=True)
        self.resources.take(distinct, needs.amounts, times)
        for row, count in zip(distinct.tolist(), times.tolist(), strict=True):
            self._count(row, needs, count)

    def put(self, name: str, needs: Needs) -> int:
        """Count one pod on the node of that name; its row."""
        row = self.row_of(name)
        self.resources.take(_one(row), needs.amounts)
        self._count(row, needs, 1)
        return row

    def give_back(self, row: int, needs: Needs) -> None:
        """Undo `put` or one of `take`."""
        self.resources.take(_one(row), needs.amounts, -1)
        self._count(row, needs, -1)
        self._release_unused(row)

    def facet(self, facet: Facet, key: tuple[object, ...]) -> Counts:
        """`facet(key, node)` for every row, remembered; 0 for rows without a node."""
        return self._facets.answers(facet, key, self.nodes)

    def passing(self, facet: Facet, key: tuple[object, ...]) -> Mask:
        """The rows for which `facet` is true."""
        return np.not_equal(self.facet(facet, key), 0)

    def row_of(self, name: str) -> int:
        """The row of a node's name, taken into use if it is new."""
        row = self._rows.get(name)
        if row is None:
            if not self._spare:
                self._grow(2 * len(self.nodes))
            row = self._rows[name] = self._spare.pop()
            self._names[row] = name
            self._ranks = None
        return row

    def find(self, name: str) -> int | None:
        """The row of a node's name, if it is in use."""
        return self._rows.get(name)

    def name(self, row: int) -> str:
        """The node's name of a row."""
        return self._names[row]

    @property
    def ranks(self) -> Counts:
        """The place of each row's name in the order of names: what decides between equals."""
        if self._ranks is None:
            self._ranks = np.zeros(len(self.nodes), dtype=np.int64)
            for rank, name in enumerate(sorted(self._rows)):
                self._ranks[self._rows[name]] = rank
        return self._ranks

    def _count(self, row: int, needs: Needs, count: int) -> None:
        """Everything about pods on a row that is not an amount."""
        self._pods[row] += count
        for port in needs.ports:
            self.ports.add(port, row, count)
        if needs.owner:
            self.owners.add(needs.owner, row, count)

    def _release_unused(self, row: int) -> None:
        """Give a row back that neither a Node nor a pod mentions any more."""
        if self.nodes[row] is None and not self._pods[row]:
            del self._rows[self._names[row]]
            self._names[row] = ""
            self._spare.append(row)
            self._ranks = None

    def _grow(self, rows: int) -> None:
        """Make room for `rows` rows in all; the new ones are spare."""
        old, more = len(self.nodes), rows - len(self.nodes)
        self.nodes.extend([None] * more)
        self._names.extend([""] * more)
        self._pods.extend([0] * more)
        self.present = np.pad(self.present, (0, more))
        self.ready = np.pad(self.ready, (0, more))
        self.resources.grow(rows)
        self._facets.grow(rows)
        self._spare.extend(range(rows - 1, old - 1, -1))
        self._ranks = None


def is_ready(node: Node) -> bool:
    """Whether its agent is known and healthy: the Ready condition is True."""
    condition = find_condition(node.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def _same_facets(before: Node | None, after: Node | None) -> bool:
    """Whether everything that a facet may look at (labels and spec) is as it was."""
    if before is None or after is None:
        return before is after
    return before.metadata.labels == after.metadata.labels and before.spec == after.spec


def _one(row: int) -> Rows:
    return np.array([row], dtype=np.intp)
