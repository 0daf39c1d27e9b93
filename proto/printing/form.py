"""The form of a printed kind: columns, cells, and the words that many share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from proto.durations import age
from proto.objects.meta import LabelSelector, Object
from proto.objects.pod import PodSpec
from proto.selectors import format_label_selector

Cell = str | int
NONE = "<none>"


class Column(NamedTuple):
    """One column: its title, the JSON type of its cells, and 1 if it is for the wide form only."""

    name: str
    type: str = "string"
    priority: int = 0


class Printer(NamedTuple):
    """How a kind is printed: its columns, and the cells of one object at a time."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, datetime], Sequence[Cell]]


NAME, AGE = Column("Name"), Column("Age")
TEMPLATE = (Column("Containers", priority=1), Column("Images", priority=1), Column("Selector", priority=1))
"""What `template_cells` fills."""


def integer(name: str) -> Column:
    """A column of whole numbers."""
    return Column(name, "integer")


def wide(*names: str) -> tuple[Column, ...]:
    """Columns of text for the wide form only."""
    return tuple(Column(name, priority=1) for name in names)


def age_of(obj: Object, now: datetime) -> str:
    """How long ago it was made."""
    return age(obj.metadata.creation_timestamp, now)


def template_cells(spec: PodSpec, selector: LabelSelector) -> Sequence[Cell]:
    """CONTAINERS IMAGES SELECTOR."""
    names = ",".join(container.name for container in spec.containers)
    images = ",".join(container.image or "host" for container in spec.containers)
    return names, images, format_label_selector(selector) or NONE
