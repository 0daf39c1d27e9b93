"""Prefer the node whose cpu and memory are used evenly afterwards, so that neither is left over without the other."""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.needs import CPU, MEMORY, Needs
from control_plane.scheduling.rows import Counts, Floats, Rows
from control_plane.scheduling.scores.least_allocated import used_share
from control_plane.scheduling.scores.score import Score
from control_plane.scheduling.table import NodeTable


class BalancedAllocation(Score):
    """1 minus the distance between the used shares of cpu and memory (Kubernetes: NodeResourcesBalancedAllocation)."""

    def score(self, needs: Needs, table: NodeTable, rows: Rows, extra: Counts) -> Floats | float:
        """From 0 to 1; a pod that asks for neither does not care."""
        if not {CPU, MEMORY} & {resource for resource, _ in needs.amounts}:
            return 0.0
        cpu = used_share(CPU, needs, table, rows, extra)
        memory = used_share(MEMORY, needs, table, rows, extra)
        balance: Floats = 1.0 - np.abs(cpu - memory)
        return balance
