"""Spread the pods of one owner over the nodes, so that the loss of a machine takes as few of them as possible."""

from __future__ import annotations

from control_plane.scheduling.rows import Floats
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.scores.score import Score


class OwnerSpread(Score):
    """Minus the number of the owner's pods on the node; the owner is the pod's controller, such as its ReplicaSet."""

    def score(self, candidates: Candidates) -> Floats | float:
        """0, -1, -2, … for each row; a pod that nobody controls does not care."""
        owner, table = candidates.needs.owner, candidates.table
        if not owner:
            return 0.0
        siblings = table.owners.dense(owner, len(table.nodes))[candidates.rows]
        return -(siblings + candidates.extra).astype(float)
