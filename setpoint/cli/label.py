"""`setpoint label`: set, change, list and remove labels, by which objects are chosen. How: `setpoint.cli.marks`."""

from __future__ import annotations

import argparse

from setpoint.cli.marks import add_arguments, mark

__all__ = ["add_arguments", "run"]


async def run(options: argparse.Namespace) -> int:
    """Mark every object that is meant."""
    return await mark(options, "labels")
