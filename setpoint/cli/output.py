"""Printing: tables as kubectl users know them, JSON, YAML and names. Reads and decides nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from proto import catalog

FORMATS = ("table", "wide", "json", "yaml", "name")
COLUMN_GAP = "   "

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """What a person is shown of a text of others: nothing in it commands the terminal (kubectl: `TerminalEscaper`)."""
    return text.translate(_CONTROLS)


def columns(rows: Sequence[Sequence[str]], widths: list[int] | None = None) -> list[str]:
    """Rows as aligned lines; `widths`, if given, is kept and grown, so that later rows line up with earlier ones."""
    widths = [] if widths is None else widths
    rows = [[printable(cell) for cell in row] for row in rows]
    for row in rows:
        for index, cell in enumerate(row):
            if index >= len(widths):
                widths.append(0)
            widths[index] = max(widths[index], len(cell))
    return [COLUMN_GAP.join(cell.ljust(widths[index]) for index, cell in enumerate(row)).rstrip() for row in rows]


def table_rows(
    table: dict[str, Any], *, wide: bool = False, with_namespace: bool = False, with_kind: bool = False
) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of a server-side Table."""
    definitions = table.get("columnDefinitions", ())
    shown = [index for index, column in enumerate(definitions) if wide or not column.get("priority", 0)]
    header = [str(definitions[index]["name"]).upper() for index in shown]
    rows = []
    for row in table.get("rows", ()):
        metadata = row.get("object", {}).get("metadata", {})
        cells = [cell_text(row["cells"][index]) for index in shown]
        if with_kind and cells:
            kind = catalog.BY_KIND.get(row.get("object", {}).get("kind", ""), None)
            kind = kind or catalog.BY_KIND.get(table.get("kindOfRows", ""))
            cells[0] = f"{kind.singular}.{kind.group}/{cells[0]}".replace("./", "/") if kind else cells[0]
        rows.append([metadata.get("namespace", ""), *cells] if with_namespace else cells)
    return (["NAMESPACE", *header] if with_namespace else header), rows


def cell_text(cell: Any) -> str:
    """A cell as text; nothing is shown as `<none>`."""
    if cell is None or cell == "":
        return "<none>"
    if isinstance(cell, bool):
        return str(cell).lower()
    return str(cell)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        print(line)


def print_objects(objects: Sequence[dict[str, Any]], form: str, *, as_list: bool) -> None:
    """Print objects as JSON, YAML or names; several as one `List`."""
    if form == "name":
        for item in objects:
            print(object_name(item))
        return
    whole: dict[str, Any]
    if as_list:
        whole = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": list(objects)}
    else:
        whole = objects[0]
    if form == "json":
        json.dump(whole, sys.stdout, indent=4, ensure_ascii=False)
        print()
    else:
        from proto.manifests import dump_yaml

        sys.stdout.write(dump_yaml(whole))


def object_name(item: dict[str, Any]) -> str:
    """`pod/web-1` of an object in dict form."""
    kind = catalog.by_gvk(str(item.get("apiVersion", "")), str(item.get("kind", "")))
    name = item.get("metadata", {}).get("name", "")
    if kind is None:
        return f"{str(item.get('kind', '')).lower()}/{name}"
    return f"{kind.singular}.{kind.group}/{name}" if kind.group else f"{kind.singular}/{name}"
