"""`get -o jsonpath=…`, `-o custom-columns=…` and `--sort-by`: what is printed of objects, and in which order.

Reads: objects in dict form. Writes: stdout. Source: kubectl `pkg/cmd/get` (customcolumn.go, sorter.go).
"""

from __future__ import annotations

import sys
from typing import Any

from setpoint.cli.errors import CliError
from setpoint.cli.jsonpath import find, parse_template, render
from setpoint.cli.output import columns, print_lines

Item = dict[str, Any]


def check(name: str, template: str) -> None:
    """Refuse a template that cannot be read.

    Raises:
        CliError: what is wrong with it.
    """
    if name == "jsonpath":
        parse_template(template)
        return
    for _, path in _columns(template):
        find(path, {})


def print_objects(objects: list[Item], form: str, *, as_list: bool, titled: bool) -> None:
    """Print objects by a template; several are one List for `jsonpath`, and a row each for `custom-columns`."""
    name, _, template = form.partition("=")
    if name == "jsonpath":
        whole: Any = {"apiVersion": "v1", "kind": "List", "items": objects} if as_list else objects[0]
        sys.stdout.write(render(parse_template(template), whole))
        return
    chosen = _columns(template)
    rows = [[_cell(path, item) for _, path in chosen] for item in objects]
    print_lines(columns([[title for title, _ in chosen], *rows] if titled else rows))


def sort_key(path: str, item: Item) -> tuple[int, float, str]:
    """What an object is sorted by: numbers before texts, amounts by their size, what has none last."""
    from proto.quantity import parse_quantity

    found = find(path.strip("{}"), item)
    if not found:
        return (2, 0.0, "")
    value = found[0]
    if isinstance(value, int | float):
        return (0, float(value), "")
    try:
        return (0, float(parse_quantity(str(value))), "")
    except ValueError:
        return (1, 0.0, str(value))


def _columns(template: str) -> list[tuple[str, str]]:
    """`TITLE:PATH` of each column."""
    chosen = []
    for part in template.split(","):
        title, colon, path = part.partition(":")
        if not title or not colon or not path:
            raise CliError(f'custom-columns must be TITLE:PATH,TITLE:PATH, found "{part}"')
        chosen.append((title, path.strip("{}")))
    return chosen


def _cell(path: str, item: Item) -> str:
    found = find(path, item)
    return ",".join(str(value).lower() if isinstance(value, bool) else str(value) for value in found) or "<none>"
