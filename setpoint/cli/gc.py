"""`setpoint gc`: one garbage collection now, and what it removed.

Reads: the report of a pass. Writes: asks for passes until one finds no more than it may remove; prints. The exit status
is 1 if something could not be removed or a node did not answer: then the report is not the whole truth.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from proto import catalog, subjects
from proto.client.raw import RawClient
from setpoint.cli.durations import duration_s
from setpoint.cli.output import cell_text, columns, print_lines, print_objects
from setpoint.cli.session import add_cluster_arguments, connect

HEADER = ["NAMESPACE", "NAME", "NODE", "OUTCOME", "REASON"]
_WORDS = {"Found": "to be removed", "Removed": "removed", "Terminating": "terminating", "Failed": "not removed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser, namespaced=False)
    parser.add_argument("--dry-run", action="store_true", help="find it, remove nothing")
    parser.add_argument(
        "--finished-pods", type=_count, metavar="N", help="keep so many finished pods (default: as the control plane)"
    )
    parser.add_argument(
        "--events-older-than", type=duration_s, metavar="DURATION", help="such as 10m (default: as the control plane)"
    )
    parser.add_argument("-o", "--output", choices=("table", "json", "yaml", "name"), default="table")
    parser.add_argument("--no-headers", action="store_true", help="print no line of titles")
    parser.add_argument("--timeout", type=duration_s, default=60.0, metavar="DURATION", help="for one pass: 60s")


async def run(options: argparse.Namespace) -> int:
    """Collect, print; 1 if not all could be done."""
    options.request_timeout = options.timeout or options.request_timeout
    async with connect(options) as client:
        report = await _collect(client, _request(options), dry_run=options.dry_run)
    _print(report, options)
    failed = [item for item in report.get("items", ()) if item.get("outcome") == "Failed"]
    for item in failed:
        print(f"setpoint gc: {_name(item)}: {item.get('problem', 'it could not be removed')}", file=sys.stderr)
    for node in report.get("silentNodes", ()):
        print(f"setpoint gc: node {node['name']} was not searched: {node['problem']}", file=sys.stderr)
    return 1 if failed or report.get("silentNodes") else 0


def _request(options: argparse.Namespace) -> dict[str, Any]:
    request: dict[str, Any] = {"dryRun": ["All"]} if options.dry_run else {}
    if options.finished_pods is not None:
        request["finishedPodsMax"] = options.finished_pods
    if options.events_older_than is not None:
        request["eventsTtlSeconds"] = int(options.events_older_than)
    return request


async def _collect(client: RawClient, request: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """The report of one pass; or of several as one, while each finds more than it may remove."""
    whole = report = (await client.call_subject(subjects.GC, request)).body
    whole.setdefault("items", [])
    while report.get("remaining") and not dry_run and _removed_some(report):
        report = (await client.call_subject(subjects.GC, request)).body
        whole["items"] += report.get("items", [])
        whole["remaining"] = report.get("remaining", 0)
        whole["silentNodes"] = report.get("silentNodes", [])
    return whole


def _removed_some(report: dict[str, Any]) -> bool:
    """Whether another pass would find something else."""
    return any(item.get("outcome") in ("Removed", "Terminating") for item in report.get("items", ()))


def _print(report: dict[str, Any], options: argparse.Namespace) -> None:
    items = report["items"]
    if options.output in ("json", "yaml"):
        print_objects([report], options.output, as_list=False)
        return
    if options.output == "name":
        print_lines(_name(item) for item in items)
        return
    if not items:
        print("No garbage found.")
        return
    rows = [_row(item) for item in items]
    print_lines(columns(rows if options.no_headers else [HEADER, *rows]))
    if not options.no_headers:
        print(_summary(report))


def _row(item: dict[str, Any]) -> list[str]:
    cells = [item.get("namespace"), _name(item), item.get("node"), item.get("outcome"), item.get("message")]
    return [cell_text(cell) for cell in cells]


def _name(item: dict[str, Any]) -> str:
    """`pod/web-1`; of a leftover on a node `container/…`."""
    kind = catalog.by_gvk(item.get("apiVersion", ""), item.get("kind", ""))
    resource = kind.singular + (f".{kind.group}" if kind.group else "") if kind else str(item.get("kind", "")).lower()
    return f"{resource}/{item.get('name', '')}"


def _summary(report: dict[str, Any]) -> str:
    counts = Counter(_WORDS.get(item.get("outcome", ""), "") for item in report["items"])
    more = report.get("remaining", 0)
    parts = [f"{count} {words}" for words, count in counts.items()] + ([f"{more} more not shown"] if more else [])
    return ", ".join(parts) + (" (dry run)" if report.get("dryRun") else "")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f'must be a whole number ≥ 0, found "{text}"')
    return int(text)
