"""The columns of policies: PodDisruptionBudget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proto.objects.policy import PodDisruptionBudget
from proto.printing.form import AGE, NAME, Cell, Column, Printer, age_of, integer


def budget_cells(budget: PodDisruptionBudget, now: datetime) -> Sequence[Cell]:
    """NAME, MIN AVAILABLE, MAX UNAVAILABLE, ALLOWED DISRUPTIONS, AGE."""
    spec = budget.spec
    return (
        budget.metadata.name,
        "N/A" if spec.min_available is None else str(spec.min_available),
        "N/A" if spec.max_unavailable is None else str(spec.max_unavailable),
        budget.status.disruptions_allowed,
        age_of(budget, now),
    )


PRINTERS: dict[str, Printer] = {
    "PodDisruptionBudget": Printer(
        (NAME, Column("Min Available"), Column("Max Unavailable"), integer("Allowed Disruptions"), AGE), budget_cells
    ),
}
