"""A pod with a required node affinity goes to nodes that fit one of its terms."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable
from proto.node_affinity import named_nodes, term_fits
from proto.objects.affinity import NodeSelectorTerm
from proto.objects.core import Node


class NodeAffinity(Filter):
    """`spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution` (Kubernetes: NodeAffinity)."""

    helped_by: ClassVar[Change] = Change.NODE_LABELS | Change.NODE_ADDED

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows that fit a term; without such a wish all do."""
        if needs.affinity is None:
            return np.ones(len(table.nodes), dtype=np.bool_)
        mask = np.zeros(len(table.nodes), dtype=np.bool_)
        for term in needs.affinity:
            mask |= _fitting(term, table)
        return mask

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) didn't match Pod's node affinity/selector": len(refused)})


def _fitting(term: NodeSelectorTerm, table: NodeTable) -> Mask:
    """Rows that fit one term: of one that names nodes, as those of a DaemonSet do, only these are looked at."""
    names = named_nodes(term)
    if names is None:
        return table.passing(_fits, (term,))
    mask = np.zeros(len(table.nodes), dtype=np.bool_)
    for name in names:
        row = table.find(name)
        node = None if row is None else table.nodes[row]
        if row is not None and node is not None:
            mask[row] = term_fits(term, node)
    return mask


def _fits(key: tuple[Any, ...], node: Node) -> int:
    (term,) = key
    return term_fits(term, node)
