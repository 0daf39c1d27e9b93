"""Pods share their machine's network, so a port is taken once on a machine.

`hostPort: N` and, for processes, `containerPort: N` mean N of the machine; 0 means any free one and never conflicts.
"""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Mask, Rows
from control_plane.scheduling.table import NodeTable


class HostPorts(Filter):
    """The machine's ports that the pod's containers name."""

    helped_by: ClassVar[Change] = Change.POD_GONE
    freed_by_pods: ClassVar[bool] = True

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows on which none of the ports is taken."""
        mask = np.ones(len(table.nodes), dtype=np.bool_)
        for port in needs.ports:
            mask[table.ports.rows(port)] = False
        return mask

    def room(self, needs: Needs, table: NodeTable, rows: Rows) -> Counts | None:
        """One pod with a fixed port a row."""
        return np.ones(len(rows), dtype=np.int64) if needs.ports else None

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """One reason for all."""
        return Counter({"node(s) didn't have free ports for the requested pod ports": len(refused)})
