"""Following changes on the terminal, for `get --watch`.

Reads: a list, then the watch behind it. Writes: rows as they come.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from proto import codec
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.clock import SystemClock
from proto.printing import table
from setpoint.cli.get import selectors
from setpoint.cli.output import columns, object_name, print_objects, table_rows
from setpoint.cli.resources import Target, namespace_for


async def follow(client: RawClient, targets: list[Target], options: argparse.Namespace) -> int:
    """Print what is there, then every change, until interrupted."""
    kind = targets[0].kind
    names = {target.name for target in targets if target.name}
    namespace = namespace_for(kind, options)
    chosen = selectors(options)
    if len(names) == 1:
        field = f"metadata.name={next(iter(names))}"
        chosen["fieldSelector"] = ",".join(filter(None, [chosen.get("fieldSelector", ""), field]))
    printer = _Printer(targets[0], options)
    listed = (await client.list_all(kind, namespace, **chosen)).body
    for item in listed.get("items", ()):
        if not names or item["metadata"]["name"] in names:
            printer.show(item)
    events = watch_raw(
        client.bus,
        kind,
        namespace,
        revision=str(listed["metadata"]["resourceVersion"]),
        label_selector=chosen.get("labelSelector", ""),
        field_selector=chosen.get("fieldSelector", ""),
    )
    async for event in events:
        if not names or event.object["metadata"]["name"] in names:
            printer.show(event.object)
    return 0


class _Printer:
    """Prints one object after another in the chosen form, keeping the columns aligned."""

    def __init__(self, target: Target, options: argparse.Namespace):
        self._kind = target.kind
        self._options = options
        self._clock = SystemClock()
        self._widths: list[int] = []
        self._titled = bool(options.no_headers)

    def show(self, item: dict[str, Any]) -> None:
        item = {"apiVersion": self._kind.api_version, "kind": self._kind.kind, **item}
        form = self._options.output
        if form in ("table", "wide"):
            self._row(item)
        elif form == "name":
            print(object_name(item), flush=True)
        elif form == "json":
            print(json.dumps(item, indent=4, ensure_ascii=False), flush=True)
        else:
            print("---")
            print_objects([item], form, as_list=False)

    def _row(self, item: dict[str, Any]) -> None:
        wide = self._options.output == "wide"
        header, rows = table_rows(
            table(self._kind, [codec.from_dict(item)], self._clock.now(), wide=wide),
            wide=wide,
            with_namespace=self._options.all_namespaces and self._kind.namespaced,
        )
        lines = columns(rows if self._titled else [header, *rows], self._widths)
        self._titled = True
        print("\n".join(lines), flush=True)
