"""`setpoint replace`: write objects as manifests say, in the place of those that are there.

What the manifest does not name is gone afterwards. With a `resourceVersion` in it, only that revision is replaced; with
`--force` the object is deleted and made anew.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from proto.client.raw import RawClient
from proto.errors import ApiError, NotFound
from setpoint.cli.apply import add_manifest_arguments
from setpoint.cli.dry_run import NOTES, add_dry_run_argument, api_options
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.selection import Chosen, chosen
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser)
    parser.add_argument("--force", action="store_true", help="delete the object, wait until it is gone, make it anew")
    parser.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="of --force; 0: for ever")
    add_dry_run_argument(parser)
    parser.set_defaults(resource=[])


async def run(options: argparse.Namespace) -> int:
    """Replace every object; 1 if any was refused."""
    if options.force and options.dry_run != "none":
        raise CliError("--force deletes the object first, which has no dry run")
    failed = 0
    async with connect(options) as client:
        for each in await chosen(client, options):
            try:
                await (_anew if options.force else _replace)(client, each, options)
            except ApiError as error:
                failed += 1
                print(f"setpoint replace: {each}: {error.message}", file=sys.stderr)
    return 1 if failed else 0


async def _replace(client: RawClient, each: Chosen, options: argparse.Namespace) -> None:
    assert each.manifest is not None
    body = {**each.manifest, "metadata": dict(each.manifest["metadata"])}
    if each.namespace:
        body["metadata"]["namespace"] = each.namespace
    if not body["metadata"].get("resourceVersion"):
        live = (await client.call("get", each.kind, each.namespace, each.name)).body
        body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
    dry = api_options(options.dry_run)
    reply = await client.call("update", each.kind, each.namespace, each.name, body=body, options=dry)
    warn(reply.warnings)
    print(f"{each} replaced{NOTES[options.dry_run]}")


async def _anew(client: RawClient, each: Chosen, options: argparse.Namespace) -> None:
    """Check the new one first: an object is not deleted for one that would be refused.

    Raises:
        CliError: it is not gone in time.
    """
    from setpoint.cli.delete import until_gone

    assert each.manifest is not None
    try:
        await client.call("get", each.kind, each.namespace, each.name)
    except NotFound:
        pass
    else:
        checked = {**each.manifest, "metadata": {**each.manifest["metadata"], "name": f"{each.name}-new"}}
        await client.call("create", each.kind, each.namespace, body=checked, options={"dryRun": "All"})
        reply = await client.call("delete", each.kind, each.namespace, each.name)
        details = reply.body.get("details") or reply.body.get("metadata", {})
        try:
            async with asyncio.timeout(options.timeout or None):
                await until_gone(client, (each.kind, each.namespace, each.name), str(details.get("uid", "")))
        except TimeoutError:
            raise CliError(f"timed out after {options.timeout:g} s waiting for {each} to be gone") from None
    reply = await client.call("create", each.kind, each.namespace, body=each.manifest)
    warn(reply.warnings)
    print(f"{each} replaced")
