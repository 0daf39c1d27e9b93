"""What a filter does."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Protocol

from control_plane.scheduling.changes import Change
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.rows import Counts, Mask, Rows
from control_plane.scheduling.table import NodeTable


class Filter(Protocol):
    """One reason why a node cannot take a pod."""

    helped_by: ClassVar[Change]
    """The changes that can turn a refusal into a yes."""

    freed_by_pods: ClassVar[bool] = False
    """Whether a refusal can turn into a yes because pods leave the node (Kubernetes: not "unresolvable")."""

    def check(self, needs: Needs, table: NodeTable) -> Mask:
        """True for every row that could take a pod of `needs`, as far as this filter is concerned."""
        ...

    def room(self, needs: Needs, table: NodeTable, rows: Rows) -> Counts | None:
        """How many pods of `needs` each of `rows`, which pass `check`, could take; None: any number."""
        return None

    def explain(self, needs: Needs, table: NodeTable, refused: Rows) -> Counter[str]:
        """Why this filter refuses the rows `refused`, in Kubernetes' words, with how many rows each reason concerns."""
        ...
