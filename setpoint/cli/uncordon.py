"""`setpoint uncordon`: let new pods onto a node again."""

from __future__ import annotations

import argparse

from setpoint.cli.cordon import add_arguments, set_unschedulable

__all__ = ["add_arguments", "run"]


async def run(options: argparse.Namespace) -> int:
    """Uncordon every named node."""
    return await set_unschedulable(options, False)
