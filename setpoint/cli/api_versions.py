"""`setpoint api-versions`: the groups and versions of the API. Reads the catalog alone; asks no cluster."""

from __future__ import annotations

import argparse

from proto.catalog import KINDS
from setpoint.cli.output import print_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has no arguments."""


def run(options: argparse.Namespace) -> int:
    """Print them, sorted as kubectl does."""
    print_lines(sorted({kind.api_version for kind in KINDS}))
    return 0
