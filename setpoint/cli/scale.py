"""`setpoint scale`: set the number of replicas through the scale subresource."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from proto.catalog import Kind
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.resources import display, parse_targets
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("resource", nargs="+", help="KIND NAME or KIND/NAME")
    parser.add_argument("--replicas", type=int, required=True, help="the wanted number")
    parser.add_argument("--current-replicas", type=int, help="only if this is the number now")
    parser.add_argument("--resource-version", default="", help="only if the object is of this revision")
    parser.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="wait so long until it is so")


async def run(options: argparse.Namespace) -> int:
    """Scale every named object."""
    if options.replicas < 0:
        raise CliError(f"--replicas: must be 0 or more, found {options.replicas}")
    async with connect(options) as client:
        for kind, name in parse_targets(options.resource):
            if not name:
                raise CliError(f"name the {kind.singular} to scale")
            if "scale" not in kind.subresources:
                raise CliError(f"{kind.resource} have no replicas to scale")
            body: dict[str, Any] = {"spec": {"replicas": options.replicas}}
            if revision := await _precondition(client, kind, name, options):
                body["metadata"] = {"resourceVersion": revision}
            reply = await client.call("patch", kind, options.namespace, name, subresource="scale", body=body)
            warn(reply.warnings)
            print(f"{display(kind, name)} scaled", flush=True)
            if options.timeout:
                await _until_scaled(client, kind, name, options)
    return 0


async def _precondition(client: RawClient, kind: Kind, name: str, options: argparse.Namespace) -> str:
    """The revision that is to be scaled, "" for whichever there is.

    Raises:
        CliError: the present number is another than the call says.
    """
    if options.current_replicas is None:
        return str(options.resource_version)
    scale = (await client.call("get", kind, options.namespace, name, subresource="scale")).body
    found = scale.get("spec", {}).get("replicas", 0)
    if found != options.current_replicas:
        raise CliError(f"expected {options.current_replicas} replicas of {display(kind, name)}, found {found}")
    return str(options.resource_version or scale["metadata"]["resourceVersion"])


async def _until_scaled(client: RawClient, kind: Kind, name: str, options: argparse.Namespace) -> None:
    """Wait until so many pods are there as are wanted.

    Raises:
        CliError: not within the time.
    """
    field = f"metadata.name={name}"
    try:
        async with asyncio.timeout(options.timeout):
            item = (await client.call("get", kind, options.namespace, name)).body
            if _is_scaled(item, options.replicas):
                return
            revision = str(item["metadata"]["resourceVersion"])
            async for event in watch_raw(client.bus, kind, options.namespace, revision=revision, field_selector=field):
                if _is_scaled(event.object, options.replicas):
                    return
    except TimeoutError:
        raise CliError(
            f"timed out after {options.timeout:g} s waiting for {display(kind, name)} to be scaled"
        ) from None


def _is_scaled(item: dict[str, Any], replicas: int) -> bool:
    return int(item.get("status", {}).get("replicas", 0)) == replicas
