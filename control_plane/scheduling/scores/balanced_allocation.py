"""Prefer the node whose cpu and memory are used evenly afterwards, so that neither is left over without the other."""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.needs import CPU, MEMORY
from control_plane.scheduling.rows import Floats
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.scores.score import Score


class BalancedAllocation(Score):
    """1 minus the distance between the used shares of cpu and memory (Kubernetes: NodeResourcesBalancedAllocation)."""

    def score(self, candidates: Candidates) -> Floats | float:
        """From 0 to 1; a pod that asks for neither does not care."""
        if not {CPU, MEMORY} & {resource for resource, _ in candidates.needs.amounts}:
            return 0.0
        balance: Floats = 1.0 - np.abs(candidates.used_share(CPU) - candidates.used_share(MEMORY))
        return balance
