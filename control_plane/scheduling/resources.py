"""What nodes offer and what is taken, per resource: two matrices of (row x resource).

A resource gets a column when a node offers it or a bound pod takes it, never because a pending pod names it: what
nobody offers needs no column to be insufficient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from control_plane.scheduling.needs import CPU, MEMORY, PODS, amount
from control_plane.scheduling.rows import Counts, Rows

Amounts = Iterable[tuple[str, int]]


class Resources:
    """Amounts as 64-bit whole numbers in the units of `needs`. Rows are made by `grow`."""

    def __init__(self) -> None:
        self._columns = {name: column for column, name in enumerate((CPU, MEMORY, PODS))}
        self._offered = np.zeros((0, len(self._columns)), dtype=np.int64)
        self._taken = np.zeros_like(self._offered)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all."""
        more = ((0, rows - len(self._offered)), (0, 0))
        self._offered, self._taken = np.pad(self._offered, more), np.pad(self._taken, more)

    def offer(self, row: int, allocatable: Mapping[str, str]) -> None:
        """Set what a row offers, all of it."""
        self._offered[row] = 0
        for resource, quantity in allocatable.items():
            column = self._column(resource)
            self._offered[row, column] = amount(resource, quantity)

    def take(self, rows: Rows, amounts: Amounts, times: int | Counts = 1) -> None:
        """Take `amounts`, `times` over (negative: give back), from each of the distinct `rows`."""
        for resource, count in amounts:
            column = self._column(resource)
            self._taken[rows, column] += count * times

    def offered(self, resource: str) -> Counts | None:
        """What each row offers; None if no node ever offered any."""
        column = self._columns.get(resource)
        return None if column is None else self._offered[:, column]

    def taken(self, resource: str) -> Counts | None:
        """What is taken of each row's offer; it may be more than that, for pods that people bound by hand."""
        column = self._columns.get(resource)
        return None if column is None else self._taken[:, column]

    def _column(self, resource: str) -> int:
        """The column of a resource, made if it is new."""
        column = self._columns.get(resource)
        if column is None:
            column = self._columns[resource] = len(self._columns)
            more = ((0, 0), (0, 1))
            self._offered, self._taken = np.pad(self._offered, more), np.pad(self._taken, more)
        return column
