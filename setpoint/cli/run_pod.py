"""`setpoint run`: one program as a pod, and a line to it if that is wanted. Source: kubectl `pkg/cmd/run`."""

from __future__ import annotations

import argparse
import sys

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.errors import ApiError, NotFound
from setpoint.cli.attach import Wishes, attach
from setpoint.cli.errors import CliError
from setpoint.cli.making import Item, add_making_arguments, comma_pairs, container, make, manifest, pairs
from setpoint.cli.session import add_cluster_arguments, connect, warn
from setpoint.cli.talking.beginning import add_timeout_argument, begun, exit_code


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
    parser.add_argument("-i", "--stdin", action="store_true", help="pass our stdin to the program (with --attach)")
    parser.add_argument("-t", "--tty", action="store_true", help="give the program a terminal; needs -i")
    parser.add_argument("--attach", action="store_true", help="show what the program prints until it ends")
    parser.add_argument("--rm", action="store_true", help="delete the pod afterwards; with --attach or -i")
    parser.add_argument("--leave-stdin-open", action="store_true", help="let stdin outlive us: others may attach later")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but what the program prints")
    add_timeout_argument(parser)
    parser.add_argument("command", nargs="*", help="-- COMMAND [ARGUMENTS]")


async def run(options: argparse.Namespace) -> int:
    """Make the pod; with a line to its program, its exit code is ours."""
    attached = options.attach or options.stdin
    if options.tty and not options.stdin:
        raise CliError("-i/--stdin is required for containers with -t/--tty")
    if options.rm and not attached:
        raise CliError("--rm should only be used for attached containers: add --attach or -i")
    if attached and options.dry_run != "none":
        raise CliError("--dry-run starts nothing that could be attached to: leave out -i and --attach")
    body = _pod(options)
    return await _converse(options, body) if attached else await make(options, body)


def _pod(options: argparse.Namespace) -> Item:
    program = container(options.name, options)
    if options.env:
        program["env"] = [{"name": key, "value": value} for key, value in pairs(options.env, "--env").items()]
    if options.port is not None:
        program["ports"] = [{"containerPort": options.port}]
    if options.stdin:
        program |= {"stdin": True, "stdinOnce": not options.leave_stdin_open}
    if options.tty:
        program["tty"] = True
    body = manifest("Pod", options.name, spec={"containers": [program], "restartPolicy": options.restart})
    body["metadata"]["labels"] = comma_pairs(options.labels, "--labels") or {"run": options.name}
    return body


async def _converse(options: argparse.Namespace, body: Item) -> int:
    """Make the pod, attach to its program, and delete the pod if that is wanted, however it went."""
    async with connect(options) as client:
        reply = await client.call("create", BY_KIND["Pod"], options.namespace, body=body)
        warn(reply.warnings)
        try:
            return await _attach(client, reply.body, options)
        finally:
            if options.rm:
                await _delete(client, options)


async def _attach(client: RawClient, pod: Item, options: argparse.Namespace) -> int:
    """Attach to the program, or, if it has ended before that, show what it printed; its exit code."""
    name = options.name
    pod = await begun(client, pod, name, options.pod_running_timeout)
    if exit_code(pod, name) is None:
        try:
            return await attach(client, pod, name, Wishes(options.stdin, options.tty, options.quiet))
        except ApiError:
            pod = await begun(client, (await _now(client, options)), name, options.pod_running_timeout)
            if exit_code(pod, name) is None:
                raise
    from setpoint.cli import logs
    from setpoint.cli.main import build_parser

    words = [name, "-n", options.namespace, *(["--nats", options.nats] if options.nats else [])]
    await logs.run(build_parser("logs").parse_args(words))
    return exit_code(pod, name) or 0


async def _now(client: RawClient, options: argparse.Namespace) -> Item:
    return (await client.call("get", BY_KIND["Pod"], options.namespace, options.name)).body


async def _delete(client: RawClient, options: argparse.Namespace) -> None:
    try:
        await client.call("delete", BY_KIND["Pod"], options.namespace, options.name)
    except NotFound:
        return
    if not options.quiet:
        print(f'pod "{options.name}" deleted', file=sys.stderr)
