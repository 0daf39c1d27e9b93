"""Reasons to prefer one node to another, a file each, with their weights.

The weights rank the reasons rather than blend them: a taint that only asks to stay away outweighs everything, then one
owner's pods are spread over the nodes, and between nodes equal in that the emptier and better balanced one wins. Nodes
equal in everything are taken in the order of their names.
"""

from control_plane.scheduling.scores.balanced_allocation import BalancedAllocation
from control_plane.scheduling.scores.candidates import Candidates
from control_plane.scheduling.scores.least_allocated import LeastAllocated
from control_plane.scheduling.scores.owner_spread import OwnerSpread
from control_plane.scheduling.scores.score import Score
from control_plane.scheduling.scores.soft_taints import SoftTaints

ALL: tuple[tuple[float, Score], ...] = (
    (1e6, SoftTaints()),
    (10.0, OwnerSpread()),
    (1.0, LeastAllocated()),
    (1.0, BalancedAllocation()),
)
"""(weight, score)."""

__all__ = ["ALL", "BalancedAllocation", "Candidates", "LeastAllocated", "OwnerSpread", "Score", "SoftTaints"]
