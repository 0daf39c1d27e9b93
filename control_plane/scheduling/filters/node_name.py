"""A pod that names its node goes there or nowhere."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable


class NodeName(Filter):
    """`spec.nodeName`."""

    helped_by: ClassVar[Change] = Change.NODE_ADDED

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """All rows, or the one that is named."""
        if not needs.node_name:
            return np.ones(len(table.nodes), dtype=np.bool_)
        mask = np.zeros(len(table.nodes), dtype=np.bool_)
        row = table.find(needs.node_name)
        if row is not None:
            mask[row] = True
        return mask

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) didn't match the requested node name": len(refused)})
