"""What a score does."""

from __future__ import annotations

from typing import Protocol

from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Floats, Rows
from control_plane.scheduling.table import NodeTable


class Score(Protocol):
    """One reason to prefer a node; more is better."""

    def score(self, needs: Needs, table: NodeTable, rows: Rows, extra: Counts) -> Floats | float:
        """How good each of `rows` is for one more pod of `needs`, when `extra` such pods were put there already.

        `extra` has the shape (look-ahead, rows), and the result one that broadcasts to it: so a whole batch of equal
        pods is judged at once.
        """
        ...
