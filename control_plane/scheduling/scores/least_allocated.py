"""Prefer the emptier node."""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.needs import CPU, MEMORY, PODS, Needs
from control_plane.scheduling.rows import Counts, Floats, Rows
from control_plane.scheduling.scores.score import Score
from control_plane.scheduling.table import NodeTable

RESOURCES = (CPU, MEMORY, PODS)
"""The pod count is one of the three so that pods without requests are spread as well."""


class LeastAllocated(Score):
    """The mean share that stays free of cpu, memory and pods, from 0 to 1 (Kubernetes: LeastAllocated)."""

    def score(self, needs: Needs, table: NodeTable, rows: Rows, extra: Counts) -> Floats | float:
        """The mean free share once the pod is there."""
        used = (used_share(resource, needs, table, rows, extra) for resource in RESOURCES)
        return sum((1.0 - share for share in used), np.float64(0)) / len(RESOURCES)


def used_share(resource: str, needs: Needs, table: NodeTable, rows: Rows, extra: Counts) -> Floats:
    """The share of each row's offer that is in use once one more pod than `extra` is there, from 0 to 1."""
    offered, taken = table.resources.offered(resource), table.resources.taken(resource)
    assert offered is not None and taken is not None, "cpu, memory and pods are always known"
    wanted = dict(needs.amounts).get(resource, 0)
    after = taken[rows] + wanted * (extra + 1)
    return np.minimum(after / np.maximum(offered[rows], 1), 1.0)
