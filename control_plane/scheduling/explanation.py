"""Why a pod has no node: "0/5 nodes are available: 3 Insufficient memory, 2 node(s) were not ready."

The words come from the filters; here they are only counted and joined (Kubernetes: FitError).
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from control_plane.scheduling import filters
from control_plane.scheduling.changes import Change
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.table import NodeTable


def explain(needs: Needs, table: NodeTable) -> tuple[str, Change]:
    """The explanation, and the changes that could help, for a pod that fits nowhere."""
    left = table.present.copy()
    total = int(left.sum())
    if not total:
        return "no nodes available to schedule pods", Change.NODE_ADDED
    reasons: Counter[str] = Counter()
    helped_by = Change.NODE_ADDED
    for filter_ in filters.ALL:
        passes = filter_.check(needs, table)
        refused = np.flatnonzero(left & ~passes)
        if len(refused):
            reasons += filter_.explain(needs, table, refused)
            helped_by |= filter_.helped_by
            left &= passes
    return f"0/{total} nodes are available: {_join(reasons)}.", helped_by


def _join(reasons: Counter[str]) -> str:
    """Most frequent first, equals in alphabetical order."""
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items(), key=lambda r: (-r[1], r[0])))
