"""Prefer the emptier node."""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.needs import CPU, MEMORY, PODS
from control_plane.scheduling.rows import Floats
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.scores.score import Score

RESOURCES = (CPU, MEMORY, PODS)
"""The pod count is one of the three so that pods without requests are spread as well."""


class LeastAllocated(Score):
    """The mean share that stays free of cpu, memory and pods, from 0 to 1 (Kubernetes: LeastAllocated)."""

    def score(self, candidates: Candidates) -> Floats | float:
        """The mean free share once the pod is there."""
        free = (1.0 - candidates.used_share(resource) for resource in RESOURCES)
        return sum(free, np.float64(0)) / len(RESOURCES)
