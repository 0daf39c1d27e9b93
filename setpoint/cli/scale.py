"""`setpoint scale`: set the number of replicas through the scale subresource."""

from __future__ import annotations

import argparse

from setpoint.cli.errors import CliError
from setpoint.cli.resources import display, parse_targets
from setpoint.cli.session import add_cluster_arguments, connect, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("resource", nargs="+", help="KIND NAME or KIND/NAME")
    parser.add_argument("--replicas", type=int, required=True, help="the wanted number")
    parser.add_argument("--current-replicas", type=int, help="only if this is the number now")


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
            if options.current_replicas is not None:
                scale = (await client.call("get", kind, options.namespace, name, subresource="scale")).body
                found = scale.get("spec", {}).get("replicas", 0)
                if found != options.current_replicas:
                    raise CliError(
                        f"expected {options.current_replicas} replicas of {display(kind, name)}, found {found}"
                    )
            body = {"spec": {"replicas": options.replicas}}
            reply = await client.call("patch", kind, options.namespace, name, subresource="scale", body=body)
            warn(reply.warnings)
            print(f"{display(kind, name)} scaled")
    return 0
