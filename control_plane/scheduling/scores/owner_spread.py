"""Spread the pods of one owner over the nodes, so that the loss of a machine takes as few of them as possible."""

from __future__ import annotations

from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Floats, Rows
from control_plane.scheduling.scores.score import Score
from control_plane.scheduling.table import NodeTable


class OwnerSpread(Score):
    """Minus the number of the owner's pods on the node; the owner is the pod's controller, such as its ReplicaSet."""

    def score(self, needs: Needs, table: NodeTable, rows: Rows, extra: Counts) -> Floats | float:
        """0, -1, -2, … for each row; a pod that nobody controls does not care."""
        if not needs.owner:
            return 0.0
        return -(table.owners.dense(needs.owner, len(table.nodes))[rows] + extra).astype(float)
