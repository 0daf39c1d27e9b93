"""`setpoint run`: one program as a pod. Source: kubectl `pkg/cmd/run`."""

from __future__ import annotations

import argparse

from setpoint.cli.making import add_making_arguments, comma_pairs, container, make, manifest, pairs
from setpoint.cli.session import add_cluster_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_making_arguments(parser)
    parser.add_argument("name", help="the pod's name")
    parser.add_argument("--image", default="", help="what to run; without it a program of the machine")
    parser.add_argument("--env", action="append", default=[], metavar="KEY=VALUE", help="a variable; may be repeated")
    parser.add_argument("--port", type=int, help="a port it listens on; 0: a free one, in $PORT")
    parser.add_argument("-l", "--labels", default="", help="labels, such as app=web,tier=front (default: run=NAME)")
    parser.add_argument("--restart", choices=("Always", "OnFailure", "Never"), default="Always", help="default: Always")
    parser.add_argument("command", nargs="*", help="-- COMMAND [ARGUMENTS]")


async def run(options: argparse.Namespace) -> int:
    """Make the pod."""
    program = container(options.name, options)
    if options.env:
        program["env"] = [{"name": key, "value": value} for key, value in pairs(options.env, "--env").items()]
    if options.port is not None:
        program["ports"] = [{"containerPort": options.port}]
    body = manifest("Pod", options.name, spec={"containers": [program], "restartPolicy": options.restart})
    body["metadata"]["labels"] = comma_pairs(options.labels, "--labels") or {"run": options.name}
    return await make(options, body)
