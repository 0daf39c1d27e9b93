"""The rows between which scores decide, and what they all want to know of them."""

from __future__ import annotations

import numpy as np

from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Floats, Rows
from control_plane.scheduling.table import NodeTable


class Candidates:
    """The feasible `rows` for pods of `needs`, each at several depths: when `extra` such pods were put there already.

    `extra` has the shape (look-ahead, rows), so that a whole batch of equal pods is judged at once.
    """

    def __init__(self, needs: Needs, table: NodeTable, rows: Rows, extra: Counts):
        self.needs = needs
        self.table = table
        self.rows = rows
        self.extra = extra
        self._used: dict[str, Floats] = {}

    def used_share(self, resource: str) -> Floats:
        """The share of each row's cpu, memory or pods that is in use once one more is there, from 0 to 1."""
        share = self._used.get(resource)
        if share is None:
            share = self._used[resource] = self._compute(resource)
        return share

    def _compute(self, resource: str) -> Floats:
        offered, taken = self.table.resources.offered(resource), self.table.resources.taken(resource)
        assert offered is not None and taken is not None, "cpu, memory and pods are always known"
        wanted = dict(self.needs.amounts).get(resource, 0)
        after = taken[self.rows] + wanted * (self.extra + 1)
        return np.minimum(after / np.maximum(offered[self.rows], 1), 1.0)
