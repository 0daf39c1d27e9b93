"""What a score does."""

from __future__ import annotations

from typing import Protocol

from control_plane.scheduling.rows import Floats
from control_plane.scheduling.scores.candidates import Candidates


class Score(Protocol):
    """One reason to prefer a node; more is better."""

    def score(self, candidates: Candidates) -> Floats | float:
        """How good each candidate is for one more pod; of a shape that broadcasts to that of `candidates.extra`."""
        ...
