"""Only a node whose agent is known and healthy takes pods.

Lost nodes are usually refused by their taints already; this holds for every pod, whatever it tolerates: a node that
was declared by hand and has no agent yet, or one that went silent a moment ago, cannot start anything.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable


class NodeReady(Filter):
    """The Ready condition of the node is True."""

    helped_by: ClassVar[Change] = Change.NODE_READY

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows whose node is Ready."""
        return table.ready

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) were not ready": len(refused)})
