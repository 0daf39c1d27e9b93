"""`setpoint annotate`: set, change, list and remove annotations, which tell of objects. How: `setpoint.cli.marks`."""

from __future__ import annotations

import argparse

from setpoint.cli.marks import add_arguments, mark

__all__ = ["add_arguments", "run"]


async def run(options: argparse.Namespace) -> int:
    """Mark every object that is meant."""
    return await mark(options, "annotations")
