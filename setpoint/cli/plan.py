"""`setpoint plan`: what an apply would create and change, field by field, and what would become of pods.

Nothing is written. The objects are found out by dry runs, the pods by the cluster's own controllers and scheduler, on
a copy. Exit status: 0 nothing would change, 1 something would, 2 something went wrong or would be refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from typing import Any

from proto import subjects
from proto.client.raw import RawClient
from proto.errors import ApiError, Invalid, NotFound
from setpoint.cli.apply import Applied, add_manifest_arguments, applied, some_manifests
from setpoint.cli.changes import field_changes, masked_pair, shown, word_for
from setpoint.cli.dry_run import api_options
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect

Item = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: %(default)s")
    parser.set_defaults(namespace="", failure_status=2)


async def run(options: argparse.Namespace) -> int:
    """Print the plan; the exit status says whether there is anything in it."""
    manifests = some_manifests(options)
    changes: list[Applied] = []
    refusals: list[str] = []
    async with connect(options) as client:
        for raw in manifests:
            try:
                changes.append(await applied(client, raw, options.namespace, api_options("server")))
            except (ApiError, CliError) as error:
                refusals.append(_refusal(raw, error, manifests))
        moved = [change for change in changes if word_for(change) != "unchanged"]
        forecast = await _forecast(client, moved) if moved else {}
    if options.output == "json":
        _print_json(changes, forecast, refusals)
    else:
        _print_text(changes, forecast)
    for refusal in refusals:
        print(f"setpoint plan: {refusal}", file=sys.stderr)
    return 2 if refusals else 1 if moved else 0


async def _forecast(client: RawClient, moved: list[Applied]) -> Item:
    """What would become of pods."""
    objects = [_writable(change) for change in moved]
    return (await client.call_subject(subjects.FORECAST, {"objects": objects})).body


def _writable(change: Applied) -> Item:
    """The object as it would be, without what only the cluster writes."""
    metadata = {key: value for key, value in change.after["metadata"].items() if key not in ("resourceVersion", "uid")}
    body = {key: value for key, value in change.after.items() if key != "status"}
    return {**body, "apiVersion": change.kind.api_version, "kind": change.kind.kind, "metadata": metadata}


def _refusal(raw: Item, error: Exception, manifests: list[Item]) -> str:
    """Why a manifest would be refused; a namespace that is to be made by the same call is no reason to guess."""
    name = raw.get("metadata", {}).get("name", "") if isinstance(raw.get("metadata"), dict) else ""
    note = ""
    if isinstance(error, NotFound) and any(other.get("kind") == "Namespace" for other in manifests):
        note = " (the namespace would be made first by apply: what follows in it cannot be foreseen)"
    what = "" if isinstance(error, Invalid) or not name else f"{raw.get('kind', 'object')} {name}: "
    return f"{what}{error}{note}"


def _print_text(changes: list[Applied], forecast: Item) -> None:
    for change in changes:
        where = f" in {change.namespace}" if change.namespace and change.namespace != "default" else ""
        if word_for(change) == "unchanged":
            print(f"{change}{where} unchanged")
            continue
        print(f"{change}{where} would be {word_for(change)}")
        if change.before is not None:
            before, after = masked_pair(change.before, change.after)
            for line in field_changes(before, after):
                print(f"  {line}")
        _print_pods(change, forecast)
    for waiting in forecast.get("waitsFor", ()):
        print(f"waits: {waiting}")
    if forecast.get("more"):
        print(f"and {forecast['more']} more pods, which were not looked at")
    words = Counter(word_for(change) for change in changes)
    made, ended = len(forecast.get("created", ())), len(forecast.get("deleted", ()))
    print(
        f"\nPlan: {words['created']} to create, {words['changed']} to change, {words['unchanged']} unchanged; "
        f"pods: {made} to create, {ended} to delete."
    )


def _print_pods(change: Applied, forecast: Item) -> None:
    """The pods of one object: how many on which node, and why some fit nowhere."""
    own = f"{change.kind.kind}/{change.name}"

    def mine(field: str) -> list[Item]:
        return [
            pod
            for pod in forecast.get(field, ())
            if pod.get("namespace", "") == change.namespace
            and (pod.get("owner") == own or (change.kind.kind == "Pod" and pod["name"] == change.name))
        ]

    made, ended = mine("created"), mine("deleted")
    placed = [pod for pod in made if pod.get("node")]
    if placed:
        print(f"  + {_pods(len(placed))} would be created: {_by_node(placed)}")
    unplaced: Counter[str] = Counter()
    for pod in made:
        if not pod.get("node"):
            unplaced[pod.get("problem", "") or "they would wait for those before them"] += 1
    for problem, count in unplaced.items():
        print(f"  ! {_pods(count)} could not be placed: {problem}")
    if ended:
        print(f"  - {_pods(len(ended))} would be deleted: {_by_node(ended)}")


def _by_node(pods: list[Item]) -> str:
    counts = Counter(pod.get("node") or "no node" for pod in pods)
    return ", ".join(f"{count} on {node}" for node, count in sorted(counts.items()))


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _print_json(changes: list[Applied], forecast: Item, refusals: list[str]) -> None:
    described = []
    for change in changes:
        before, after = masked_pair(change.before, change.after)
        described.append(
            {
                "apiVersion": change.kind.api_version,
                "kind": change.kind.kind,
                "namespace": change.namespace,
                "name": change.name,
                "action": word_for(change),
                "changes": list(field_changes(before, after)) if before is not None else [],
                "after": shown(change.after),
            }
        )
    whole = {"objects": described, "refusals": refusals, "pods": forecast}
    print(json.dumps(whole, indent=2, ensure_ascii=False))
