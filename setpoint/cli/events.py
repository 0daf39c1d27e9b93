"""`setpoint events`: what happened, oldest first."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from setpoint.cli.ages import age
from setpoint.cli.errors import CliError
from setpoint.cli.output import columns, print_lines
from setpoint.cli.resources import find_kind
from setpoint.cli.session import add_cluster_arguments, connect

HEADER = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    parser.add_argument("--for", dest="about", default="", metavar="KIND/NAME", help="about one object")
    parser.add_argument("--types", default="", help="Normal, Warning, or both with a comma")
    parser.add_argument("-w", "--watch", action="store_true", help="go on with every new one")
    parser.add_argument("--no-headers", action="store_true", help="print no line of titles")


async def run(options: argparse.Namespace) -> int:
    """Print the events, and follow them."""
    namespace = "" if options.all_namespaces else options.namespace
    wanted = _wanted_types(options.types)
    selector = _about(options.about)
    async with connect(options) as client:
        body = await list_events(client, namespace, selector)
        events = [event for event in body["items"] if not wanted or event.get("type") in wanted]
        widths: list[int] = []
        rows = [_row(event, options.all_namespaces) for event in events]
        header = (["NAMESPACE"] if options.all_namespaces else []) + HEADER
        if not rows and not options.watch:
            where = "" if options.all_namespaces else f" in {options.namespace} namespace"
            print(f"No events found{where}.", file=sys.stderr)
            return 0
        print_lines(columns(rows if options.no_headers else [header, *rows], widths))
        if options.watch:
            revision = str(body["metadata"]["resourceVersion"])
            async for change in watch_raw(
                client.bus, BY_KIND["Event"], namespace, revision=revision, field_selector=selector
            ):
                if change.type != "DELETED" and (not wanted or change.object.get("type") in wanted):
                    print_lines(columns([_row(change.object, options.all_namespaces)], widths))
    return 0


async def list_events(client: RawClient, namespace: str, selector: str) -> dict[str, Any]:
    """The events that a field selector chooses, the last seen last."""
    options = {"fieldSelector": selector} if selector else {}
    body = (await client.list_all(BY_KIND["Event"], namespace, **options)).body
    body["items"] = sorted(body.get("items", ()), key=last_seen)
    return body


def last_seen(event: dict[str, Any]) -> str:
    """When it was seen last, as sortable text."""
    moment = event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    return str(moment or "")


def event_cells(event: dict[str, Any]) -> list[str]:
    """Age, type, reason, object and message."""
    about = event.get("involvedObject", {})
    seen = age(last_seen(event))
    if event.get("count", 1) > 1:
        seen = f"{seen} (x{event['count']} over {age(event.get('firstTimestamp', ''))})"
    return [
        seen,
        event.get("type", ""),
        event.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        " ".join(event.get("message", "").split()),
    ]


def _row(event: dict[str, Any], with_namespace: bool) -> list[str]:
    cells = event_cells(event)
    return [event["metadata"].get("namespace", ""), *cells] if with_namespace else cells


def _wanted_types(text: str) -> set[str]:
    types = {part.strip().capitalize() for part in text.split(",") if part.strip()}
    if types - {"Normal", "Warning"}:
        raise CliError(f'--types: must be Normal, Warning or both, found "{text}"')
    return types


def _about(text: str) -> str:
    if not text:
        return ""
    resource, slash, name = text.partition("/")
    if not slash or not name:
        raise CliError(f'--for: must be KIND/NAME, found "{text}"')
    return f"involvedObject.kind={find_kind(resource).kind},involvedObject.name={name}"
