"""A cordoned node takes no new pods, but for those that tolerate the taint which stands for it."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.filters.taints import tolerates
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable
from proto.objects.core import Node, Taint

CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable(Filter):
    """`spec.unschedulable` of the node (Kubernetes: NodeUnschedulable)."""

    helped_by: ClassVar[Change] = Change.NODE_SCHEDULABLE

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows that are not cordoned, or whose cordon is tolerated."""
        return table.passing(_open, (tolerates(needs.tolerations, CORDON),))

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) were unschedulable": len(refused)})


def _open(key: tuple[Any, ...], node: Node) -> int:
    (tolerated,) = key
    return tolerated or not node.spec.unschedulable
