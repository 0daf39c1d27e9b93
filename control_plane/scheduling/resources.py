"""What nodes offer and what is taken, per resource: two matrices of (resource x row).

A resource gets a line of its own when a node offers it or a bound pod takes it, never because a pending pod names it:
what nobody offers needs none to be insufficient.
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
        self._lines = {name: line for line, name in enumerate((CPU, MEMORY, PODS))}
        self._offered = np.zeros((len(self._lines), 0), dtype=np.int64)
        self._taken = np.zeros_like(self._offered)

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all."""
        more = ((0, 0), (0, rows - self._offered.shape[1]))
        self._offered, self._taken = np.pad(self._offered, more), np.pad(self._taken, more)

    def offer(self, row: int, allocatable: Mapping[str, str]) -> None:
        """Set what a row offers, all of it."""
        self._offered[:, row] = 0
        for resource, quantity in allocatable.items():
            line = self._line(resource)
            self._offered[line, row] = amount(resource, quantity)

    def take(self, rows: Rows, amounts: Amounts, times: int | Counts = 1) -> None:
        """Take `amounts`, `times` over (negative: give back), from each of the distinct `rows`."""
        for resource, count in amounts:
            line = self._line(resource)
            self._taken[line, rows] += count * times

    def offered(self, resource: str) -> Counts | None:
        """What each row offers; None if no node ever offered any."""
        line = self._lines.get(resource)
        return None if line is None else self._offered[line]

    def taken(self, resource: str) -> Counts | None:
        """What is taken of each row's offer; it may be more than that, for pods that people bound by hand."""
        line = self._lines.get(resource)
        return None if line is None else self._taken[line]

    def free(self, resource: str, size: int) -> Counts:
        """What each of `size` rows has left; negative where pods were bound beyond the offer by hand."""
        line = self._lines.get(resource)
        return np.zeros(size, dtype=np.int64) if line is None else self._offered[line] - self._taken[line]

    def free_at(self, resource: str, row: int) -> int:
        """What one row has left."""
        line = self._lines.get(resource)
        return 0 if line is None else int(self._offered[line, row] - self._taken[line, row])

    def _line(self, resource: str) -> int:
        """The line of a resource, made if it is new."""
        line = self._lines.get(resource)
        if line is None:
            line = self._lines[resource] = len(self._lines)
            more = ((0, 1), (0, 0))
            self._offered, self._taken = np.pad(self._offered, more), np.pad(self._taken, more)
        return line
