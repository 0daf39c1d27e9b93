"""`setpoint diff`: how objects are and how an apply would make them, as a unified diff of their YAML.

Exit status as `kubectl diff`: 0 no difference, 1 a difference, 2 something went wrong.
"""

from __future__ import annotations

import argparse
import difflib
import sys

from setpoint.cli.apply import Applied, add_manifest_arguments, applied, some_manifests
from setpoint.cli.changes import masked_pair
from setpoint.cli.dry_run import api_options
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser)
    parser.set_defaults(namespace="", failure_status=2)


async def run(options: argparse.Namespace) -> int:
    """Print the differences; the exit status says whether there are any."""
    manifests = some_manifests(options)
    differs = False
    async with connect(options) as client:
        for raw in manifests:
            change = await applied(client, raw, options.namespace, api_options("server"))
            lines = list(_unified(change))
            differs = differs or bool(lines)
            sys.stdout.writelines(lines)
    return 1 if differs else 0


def _unified(change: Applied) -> list[str]:
    from proto.manifests import dump_yaml

    before, after = masked_pair(change.before, change.after)
    old = "" if before is None else dump_yaml(before)
    title = f"{change}" + (f" -n {change.namespace}" if change.namespace else "")
    return list(
        difflib.unified_diff(
            old.splitlines(keepends=True),
            dump_yaml(after).splitlines(keepends=True),
            f"live {title}",
            f"merged {title}",
        )
    )
