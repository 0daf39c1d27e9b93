"""`setpoint uncordon`: let new pods onto a node again."""

from __future__ import annotations

import argparse

from setpoint.cli.cordon import add_arguments, find_nodes, set_unschedulable
from setpoint.cli.session import connect

__all__ = ["add_arguments", "run"]


async def run(options: argparse.Namespace) -> int:
    """Uncordon every node that is meant."""
    async with connect(options) as client:
        await set_unschedulable(client, await find_nodes(client, options), False, options.dry_run)
    return 0
