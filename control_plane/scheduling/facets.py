"""Cached answers about nodes: one array over all rows per distinct question.

Many pods ask the same of a node's labels and taints (most ask nothing). A *facet* is a pure function of a key (a
selector, a set of tolerations) and a node; its answers for all rows are kept as an array, and when a node changes its
own entry alone is computed again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from control_plane.scheduling.rows import Counts
from proto.objects.core import Node

FACETS_MAX = 256
"""How many distinct questions are remembered; the one that was asked longest ago gives way."""

Facet = Callable[[Any, Node], int]
"""The answer for one key and one node; truth is 1."""


class Facets:
    """The remembered answers."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[Facet, Hashable], Counts] = OrderedDict()

    def answers(self, facet: Facet, key: Hashable, nodes: Sequence[Node | None]) -> Counts:
        """`facet(key, node)` for every row; 0 for rows without a node."""
        question = (facet, key)
        found = self._answers.get(question)
        if found is None:
            answers = (0 if node is None else int(facet(key, node)) for node in nodes)
            found = self._answers[question] = np.fromiter(answers, dtype=np.int64, count=len(nodes))
            if len(self._answers) > FACETS_MAX:
                self._answers.popitem(last=False)
        self._answers.move_to_end(question)
        return found

    def node_changed(self, row: int, node: Node | None) -> None:
        """Compute the answers of one row again."""
        for (facet, key), answers in self._answers.items():
            answers[row] = 0 if node is None else int(facet(key, node))

    def grow(self, rows: int) -> None:
        """Make room for `rows` rows in all."""
        for question, answers in self._answers.items():
            self._answers[question] = np.pad(answers, (0, rows - len(answers)))
