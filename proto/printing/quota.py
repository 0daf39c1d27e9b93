"""The columns of what namespaces may use, and of priorities: ResourceQuota, LimitRange, PriorityClass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proto.objects.meta import rfc3339
from proto.objects.quota import LimitRange, ResourceQuota
from proto.objects.scheduling import PriorityClass
from proto.printing.form import AGE, NAME, Cell, Column, Printer, age_of, integer


def quota_cells(quota: ResourceQuota, now: datetime) -> Sequence[Cell]:
    """NAME, REQUEST, LIMIT, AGE: used and hard of each resource, those that begin with `limits.` apart."""
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((quota.status.hard or quota.spec.hard).items()):
        column = limits if name.startswith("limits.") else requests
        column.append(f"{name}: {quota.status.used.get(name, '0')}/{hard}")
    return quota.metadata.name, ", ".join(requests), ", ".join(limits), age_of(quota, now)


def limit_range_cells(limits: LimitRange, now: datetime) -> Sequence[Cell]:
    """NAME, CREATED AT."""
    created = limits.metadata.creation_timestamp
    return limits.metadata.name, "" if created is None else rfc3339(created)


def priority_class_cells(priority: PriorityClass, now: datetime) -> Sequence[Cell]:
    """NAME, VALUE, GLOBAL-DEFAULT, AGE, PREEMPTIONPOLICY."""
    default = str(priority.global_default).lower()
    return priority.metadata.name, priority.value, default, age_of(priority, now), priority.preemption_policy


PRINTERS: dict[str, Printer] = {
    "ResourceQuota": Printer((NAME, Column("Request"), Column("Limit"), AGE), quota_cells),
    "LimitRange": Printer((NAME, Column("Created At")), limit_range_cells),
    "PriorityClass": Printer(
        (NAME, integer("Value"), Column("Global-Default"), AGE, Column("PreemptionPolicy")), priority_class_cells
    ),
}
