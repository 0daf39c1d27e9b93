"""Stay away from nodes with `PreferNoSchedule` taints that the pod does not tolerate, while there are others."""

from __future__ import annotations

from typing import Any

from control_plane.scheduling.filters.taints import tolerates
from control_plane.scheduling.rows import Floats
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.scores.score import Score
from proto.objects.core import Node


class SoftTaints(Score):
    """Minus the number of such taints (Kubernetes: TaintToleration)."""

    def score(self, candidates: Candidates) -> Floats | float:
        """0, -1, -2, … for each row."""
        soft = candidates.table.facet(_untolerated, candidates.needs.tolerations)
        return -soft[candidates.rows].astype(float)


def _untolerated(key: tuple[Any, ...], node: Node) -> int:
    return sum(t.effect == "PreferNoSchedule" and not tolerates(key, t) for t in node.spec.taints)
