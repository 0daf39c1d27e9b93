"""`setpoint cordon`: keep new pods away from a node. What runs there goes on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.leaving import LEAVING, STAY_CORDONED, UNCORDON_AT_RETURN
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect

_NODE = BY_KIND["Node"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser, namespaced=False)
    add_node_arguments(parser)
    add_dry_run_argument(parser, client=True)


def add_node_arguments(parser: argparse.ArgumentParser) -> None:
    """Which nodes are meant."""
    parser.add_argument("node", nargs="*", help="the node's name")
    parser.add_argument("-l", "--selector", default="", help="the nodes with these labels")


async def run(options: argparse.Namespace) -> int:
    """Cordon every node that is meant."""
    async with connect(options) as client:
        await set_unschedulable(client, await find_nodes(client, options), True, options.dry_run)
    return 0


async def find_nodes(client: RawClient, options: argparse.Namespace) -> list[str]:
    """The names of the nodes that are meant, each of which exists.

    Raises:
        CliError: neither names nor a selector, or both.
        NotFound: there is no such node.
    """
    names = [node.removeprefix("node/").removeprefix("nodes/") for node in options.node]
    if names and options.selector:
        raise CliError("cannot specify both a node name and a --selector option")
    if not names and not options.selector:
        raise CliError("name a node, or choose nodes with --selector")
    if names:
        for name in names:
            await client.call("get", _NODE, "", name)
        return list(dict.fromkeys(names))
    listed = (await client.list_all(_NODE, "", labelSelector=options.selector)).body
    found = [str(item["metadata"]["name"]) for item in listed.get("items", ())]
    if not found:
        print("No resources found", file=sys.stderr)
    return found


async def set_unschedulable(client: RawClient, nodes: Sequence[str], unschedulable: bool, dry_run: str) -> None:
    """Write `spec.unschedulable` of every node; also the work of `uncordon` and the beginning of `drain`."""
    word = "cordoned" if unschedulable else "uncordoned"
    for name in nodes:
        node = (await client.call("get", _NODE, "", name)).body
        left = node["metadata"].get("labels", {}).get(LEAVING) == UNCORDON_AT_RETURN
        if node.get("spec", {}).get("unschedulable", False) == unschedulable and not left:
            print(f"node/{name} already {word}{NOTES[dry_run]}", flush=True)
            continue
        if dry_run != "client":
            body: dict[str, Any] = {"spec": {"unschedulable": unschedulable}}
            if left:  # It is cordoned because it leaves; from now on because somebody wants it so.
                body["metadata"] = {"labels": {LEAVING: STAY_CORDONED}}
            await client.call("patch", _NODE, "", name, body=body, options=api_options(dry_run))
        print(f"node/{name} {word}{NOTES[dry_run]}", flush=True)
