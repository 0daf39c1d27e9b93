"""`setpoint cordon`: keep new pods away from a node. What runs there goes on."""

from __future__ import annotations

import argparse

from proto.catalog import BY_KIND
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser, namespaced=False)
    parser.add_argument("node", nargs="+", help="the node's name")


async def run(options: argparse.Namespace) -> int:
    """Cordon every named node."""
    return await set_unschedulable(options, True)


async def set_unschedulable(options: argparse.Namespace, unschedulable: bool) -> int:
    """Write `spec.unschedulable` of every named node; also `uncordon`'s work."""
    word = "cordoned" if unschedulable else "uncordoned"
    async with connect(options) as client:
        for name in (node.removeprefix("node/") for node in options.node):
            node = (await client.call("get", BY_KIND["Node"], "", name)).body
            if node.get("spec", {}).get("unschedulable", False) == unschedulable:
                print(f"node/{name} already {word}")
                continue
            await client.call("patch", BY_KIND["Node"], "", name, body={"spec": {"unschedulable": unschedulable}})
            print(f"node/{name} {word}")
    return 0
