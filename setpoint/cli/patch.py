"""`setpoint patch`: change fields of an object by a JSON merge patch or a JSON patch.

kubectl's default, the strategic merge, is not there: `--type merge` is the default, and lists are replaced whole.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from proto.client.raw import JSON_PATCH, MERGE_PATCH
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.errors import CliError
from setpoint.cli.output import print_objects
from setpoint.cli.selection import add_selection_arguments, chosen
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_selection_arguments(parser)
    parser.add_argument("-p", "--patch", default="", help="the patch, as JSON or YAML")
    parser.add_argument("--patch-file", default="", metavar="FILE", help="a file with the patch")
    parser.add_argument("--type", choices=("merge", "json"), default="merge", help="default: %(default)s")
    parser.add_argument(
        "--subresource", choices=("status", "scale", "resize"), default="", help="patch this part of the object"
    )
    parser.add_argument("-o", "--output", choices=("json", "yaml", "name"), default="", help="print what came of it")
    add_dry_run_argument(parser)


async def run(options: argparse.Namespace) -> int:
    """Patch every object that is meant."""
    body = read_patch(options)
    dry = api_options(options.dry_run)
    async with connect(options) as client:
        for each in await chosen(client, options):
            before = (await client.call("get", each.kind, each.namespace, each.name)).body
            reply = await client.call(
                "patch",
                each.kind,
                each.namespace,
                each.name,
                subresource=options.subresource,
                body=body,
                content_type=JSON_PATCH if options.type == "json" else MERGE_PATCH,
                options=dry,
            )
            warn(reply.warnings)
            if options.output:
                print_objects([reply.body], options.output, as_list=False)
                continue
            after = reply.body["metadata"].get("resourceVersion")
            same = after == before["metadata"].get("resourceVersion") and dry is None
            note = " (no change)" if same else NOTES[options.dry_run]
            print(f"{each} patched{note}")
    return 0


def read_patch(options: argparse.Namespace) -> Any:
    """The patch of a call.

    Raises:
        CliError: there is none, there are two, or it is not of its type.
    """
    from proto.manifests import load_value

    if bool(options.patch) == bool(options.patch_file):
        raise CliError("say what to change: -p PATCH or --patch-file FILE")
    text = options.patch or Path(options.patch_file).read_text()
    patch = load_value(text, "--patch" if options.patch else options.patch_file)
    if options.type == "merge" and not isinstance(patch, dict):
        raise CliError('--patch: a merge patch must be a mapping, such as \'{"spec":{"replicas":2}}\'')
    if options.type == "json" and not isinstance(patch, list):
        raise CliError('--patch: a JSON patch must be a list, such as [{"op":"remove","path":"/metadata/labels/a"}]')
    return patch
