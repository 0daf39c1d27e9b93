"""`setpoint describe`: all about an object, for people, with its events.

Each kind has its own page (`pages.py`); what has none is shown as its manifest. Reads objects as dicts, so that a
field of a newer cluster does no harm.
"""

from __future__ import annotations

import argparse
from typing import Any

from proto.catalog import Kind
from proto.client.raw import RawClient
from setpoint.cli.errors import CliError
from setpoint.cli.events import event_cells, list_events
from setpoint.cli.output import columns, printable
from setpoint.cli.pages import page
from setpoint.cli.resources import namespace_for, parse_targets
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("resource", nargs="+", help="KIND, KIND NAME… or KIND/NAME…")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="look into every namespace")
    parser.add_argument("-l", "--selector", default="", help="those with these labels")
    parser.add_argument("--show-events", action=argparse.BooleanOptionalAction, default=True, help="with events")


async def run(options: argparse.Namespace) -> int:
    """Describe every object that is meant."""
    async with connect(options) as client:
        pages = []
        for kind, name in parse_targets(options.resource):
            namespace = namespace_for(kind, options)
            if name:
                found = [(await client.call("get", kind, namespace, name)).body]
            else:
                selector = {"labelSelector": options.selector} if options.selector else {}
                found = (await client.list_all(kind, namespace, **selector)).body.get("items", [])
            for item in found:
                pages.append(await _describe(client, kind, item, options))
        if not pages:
            raise CliError("no resources found")
        print(printable("\n\n\n".join(pages)))
    return 0


async def _describe(client: RawClient, kind: Kind, item: dict[str, Any], options: argparse.Namespace) -> str:
    lines = page(kind, item)
    if kind.kind == "Node":
        lines += await _pods_of(client, item)
    if options.show_events:
        lines += await _events_of(client, kind, item)
    return "\n".join(lines)


async def _pods_of(client: RawClient, node: dict[str, Any]) -> list[str]:
    from proto.catalog import BY_KIND
    from setpoint.cli.pages_of_nodes import pods_on

    name = node["metadata"]["name"]
    listed = await client.list_all(BY_KIND["Pod"], "", fieldSelector=f"spec.nodeName={name}")
    return pods_on(node, listed.body.get("items", []))


async def _events_of(client: RawClient, kind: Kind, item: dict[str, Any]) -> list[str]:
    metadata = item["metadata"]
    chosen = [f"involvedObject.kind={kind.kind}", f"involvedObject.name={metadata['name']}"]
    if metadata.get("uid"):
        chosen.append(f"involvedObject.uid={metadata['uid']}")
    events = (await list_events(client, metadata.get("namespace", ""), ",".join(chosen)))["items"]
    if not events:
        return ["Events:  <none>"]
    rows = [["Type", "Reason", "Age", "From", "Message"]]
    for event in events:
        seen, kind_of_event, reason, _, message = event_cells(event)
        source = event.get("source", {})
        teller = ", ".join(filter(None, (source.get("component"), source.get("host"))))
        rows.append([kind_of_event, reason, seen, teller, message])
    return ["Events:", *("  " + line for line in columns(rows))]
