"""A node takes pods as long as their requests fit into its offer: cpu, memory, pods, and whatever else it names."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np

from control_plane.scheduling.changes import Change
from control_plane.scheduling.filters.filter import Filter
from control_plane.scheduling.needs import PODS, Needs
from control_plane.scheduling.rows import Counts, Mask, Rows
from control_plane.scheduling.table import NodeTable


class NodeResources(Filter):
    """`resources.requests` against `status.allocatable` (Kubernetes: NodeResourcesFit)."""

    helped_by: ClassVar[Change] = Change.NODE_ALLOCATABLE | Change.POD_GONE
    freed_by_pods: ClassVar[bool] = True

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """Rows with room for one more."""
        mask = np.ones(len(table.nodes), dtype=np.bool_)
        for resource, wanted in needs.amounts:
            mask &= _free(table, resource) >= wanted
        return mask

    def room(self, needs: Needs, table: NodeTable, rows: Rows) -> Counts:
        """How many more fit, by the scarcest of the resources that the pod asks for."""
        each = [_free(table, resource)[rows] // wanted for resource, wanted in needs.amounts]
        room: Counts = np.minimum.reduce(each)
        return room

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """Every resource that is short; a row that lacks two counts for both."""
        reasons: Counter[str] = Counter()
        for resource, wanted in needs.amounts:
            short = int((_free(table, resource)[refused] < wanted).sum())
            if short:
                reasons["Too many pods" if resource == PODS else f"Insufficient {resource}"] = short
        return reasons


def _free(table: NodeTable, resource: str) -> Counts:
    """What each row has left of a resource."""
    return table.resources.free(resource, len(table.nodes))
