"""Sparse counts: how many of something each row has, per key.

For facts that concern few rows of many (a port is taken on some nodes, an owner has pods on some): memory and time
are proportional to the rows that have any, and a change costs O(1).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np

from control_plane.scheduling.rows import Counts, Rows

K = TypeVar("K", bound=Hashable)


class Tally(Generic[K]):
    """Counts per key and row; a count that falls to zero is forgotten."""

    def __init__(self) -> None:
        self._counts: dict[K, dict[int, int]] = {}

    def add(self, key: K, row: int, count: int = 1) -> None:
        """Change one count by `count`, which may be negative."""
        rows = self._counts.setdefault(key, {})
        rows[row] = rows.get(row, 0) + count
        if not rows[row]:
            del rows[row]
            if not rows:
                del self._counts[key]

    def rows(self, key: K) -> Rows:
        """The rows that have any of `key`."""
        found = self._counts.get(key, {})
        return np.fromiter(found, dtype=np.intp, count=len(found))

    def dense(self, key: K, size: int) -> Counts:
        """The counts of `key` for all rows below `size`."""
        counts = np.zeros(size, dtype=np.int64)
        found = self._counts.get(key)
        if found:
            counts[self.rows(key)] = np.fromiter(found.values(), dtype=np.int64, count=len(found))
        return counts
