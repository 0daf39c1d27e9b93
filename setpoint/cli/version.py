"""`setpoint version`: the versions of this program and of the cluster."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version as installed_version

from proto.errors import ApiError
from proto.subjects import API_PREFIX
from setpoint.cli.errors import CliError
from setpoint.cli.main import one_line
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser, namespaced=False)
    parser.add_argument("--client", action="store_true", help="ask no cluster")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: %(default)s")


async def run(options: argparse.Namespace) -> int:
    """Print both versions; the client's also when no cluster answers (exit status 1 then)."""
    found = {"clientVersion": installed_version("setpoint")}
    failure = ""
    if not options.client:
        try:
            async with connect(options) as client:
                found["serverVersion"] = str(
                    (await client.call_subject(f"{API_PREFIX}.get.meta.version._")).body["version"]
                )
        except (ApiError, CliError) as error:
            failure = one_line(error)
    if options.output == "json":
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{'Client' if name == 'clientVersion' else 'Server'} version: {value}")
    if failure:
        print(f"setpoint version: {failure}", file=sys.stderr)
        return 1
    return 0
