"""Taints repel pods that do not tolerate them (Kubernetes: taints and tolerations).

`NoSchedule` and `NoExecute` forbid; `PreferNoSchedule` is a score, see `scores.soft_taints`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs, Tolerated
from control_plane.scheduling.rows import Mask, Rows
from control_plane.scheduling.table import NodeTable
from proto.objects.core import Node, Taint


class Taints(Filter):
    """`spec.taints` of the node against `spec.tolerations` of the pod."""

    helped_by: ClassVar[Change] = Change.NODE_TAINTS

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows all of whose forbidding taints are tolerated."""
        return table.passing(_tolerated, needs.tolerations)

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """The first taint of each row that is not tolerated."""
        reasons: Counter[str] = Counter()
        for row in refused.tolist():
            node = table.nodes[row]
            taint = None if node is None else first_untolerated(needs.tolerations, node)
            if taint is not None:
                reasons[f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}"] += 1
        return reasons


def tolerates(tolerations: Iterable[Tolerated], taint: Taint) -> bool:
    """Whether any of the tolerations matches the taint; an empty key with `Exists`, and an empty effect, match all."""
    return any(
        toleration.effect in ("", taint.effect)
        and (toleration.key == taint.key or (not toleration.key and toleration.operator == "Exists"))
        and (toleration.operator == "Exists" or toleration.value == taint.value)
        for toleration in tolerations
    )


def first_untolerated(tolerations: Iterable[Tolerated], node: Node) -> Taint | None:
    """The first forbidding taint of a node that is not tolerated."""
    return next((t for t in node.spec.taints if t.effect != "PreferNoSchedule" and not tolerates(tolerations, t)), None)


def _tolerated(key: tuple[Any, ...], node: Node) -> int:
    return first_untolerated(key, node) is None
