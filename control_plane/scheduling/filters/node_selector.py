"""A pod with a node selector goes to nodes that have all of those labels."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable
from proto.objects.core import Node


class NodeSelector(Filter):
    """`spec.nodeSelector` (Kubernetes: part of NodeAffinity, whose words it uses)."""

    helped_by: ClassVar[Change] = Change.NODE_LABELS

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows whose labels match; an empty selector matches all."""
        return table.passing(_selected, needs.node_selector)

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) didn't match Pod's node affinity/selector": len(refused)})


def _selected(key: tuple[Any, ...], node: Node) -> int:
    labels = node.metadata.labels
    return all(labels.get(name) == value for name, value in key)
