"""What the pages of `describe` are made of: lines of `Name:  value`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Item = dict[str, Any]
"""An object as it came over the wire."""

_WIDTH = 18


def field(title: str, value: object) -> str:
    """One line; nothing is shown as `<none>`."""
    text = "<none>" if value in (None, "", {}, []) else str(value)
    return f"{title + ':':<{_WIDTH - 2}}  {text}"


def field_goes_on(text: str) -> str:
    """A further line of a field, below its value."""
    return " " * _WIDTH + text


def mapping(title: str, values: Mapping[str, Any]) -> list[str]:
    """`key=value`, one a line, aligned below each other."""
    pairs = [f"{key}={value}" for key, value in sorted(values.items()) if not key.startswith("kubectl.kubernetes.io/")]
    if not pairs:
        return [field(title, "")]
    return [field(title, pairs[0]), *map(field_goes_on, pairs[1:])]


def indented(lines: Iterable[str], by: int = 2) -> list[str]:
    """The lines, moved to the right."""
    return [" " * by + line for line in lines]
