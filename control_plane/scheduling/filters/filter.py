"""What a filter does."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Protocol

import numpy as np

from control_plane.scheduling.changes import Change
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import UNLIMITED, Counts, Mask, Rows
from control_plane.scheduling.table import NodeTable


class Filter(Protocol):
    """One reason why a node cannot take a pod."""

    helped_by: ClassVar[Change]
    """The changes that can turn a refusal into a yes."""

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """True for every row that could take a pod of `needs`, as far as this filter is concerned."""
        ...

    def room(self, needs: Needs, table: NodeTable) -> Counts | None:
        """How many pods of `needs` each row could take; None: as many as there are, where `check` holds."""
        return None

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """Why this filter refuses the rows `refused`, in Kubernetes' words, with how many rows each reason concerns."""
        ...


def room_of(filter_: Filter, needs: Needs, table: NodeTable) -> Counts:
    """`room` for every row, whether the filter counts or only says yes or no."""
    room = filter_.room(needs, table)
    return np.where(filter_.check(needs, table), np.int64(UNLIMITED), np.int64(0)) if room is None else room
