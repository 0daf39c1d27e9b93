"""`setpoint exec`: runs a command in a container, beside its program, and is its terminal."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from proto import subjects
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking import terminal
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.beginning import add_timeout_argument, running
from setpoint.cli.talking.pods import Item, container_of, node_of, pod_of, target_of
from setpoint.cli.talking.session import hold


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("pod", metavar="POD", help="a pod, or KIND/NAME for one of a controller's pods")
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="the command and its arguments")
    parser.add_argument("-c", "--container", default="", help="the container (default: the first)")
    parser.add_argument("-i", "--stdin", action="store_true", help="pass our stdin to the command")
    parser.add_argument("-t", "--tty", action="store_true", help="give the command a terminal")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but what the command prints")
    add_timeout_argument(parser)


async def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code is ours."""
    if not options.command:
        raise CliError("say what to run: setpoint exec POD -- COMMAND")
    tty = options.tty and (not options.stdin or sys.stdin.isatty())
    if options.tty and not tty:
        print("Unable to use a TTY - input is not a terminal or the right kind of file", file=sys.stderr)
    async with connect(options) as client:
        pod = await pod_of(client, [options.pod], options.namespace, options.pod_running_timeout)
        # Who names a pod wants to know that it does not run; a controller's may be on its way.
        if target_of([options.pod]).kind.kind != "Pod":
            pod = await running(client, pod, options.pod_running_timeout)
        node = node_of(pod)
        exit_code = await hold(
            client.bus, subjects.node_down(node, "exec"), _request(pod, options, tty=tty),
            stdin=options.stdin, tty=tty and sys.stdin.isatty(), who=f"the agent of node {node}",
        )  # fmt: skip
    if exit_code and not options.quiet:
        print(f"command terminated with exit code {exit_code}", file=sys.stderr)
    return exit_code


def _request(pod: Item, options: argparse.Namespace, *, tty: bool) -> bytes:
    """A `proto.node.ExecRequest`, written out so that this verb starts without the models."""
    request: dict[str, Any] = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "container": container_of(pod, options.container, quiet=options.quiet),
        "command": options.command,
        "stdin": options.stdin,
    }
    if tty:
        columns, rows = terminal.size()
        request |= {"terminal": {"columns": columns, "rows": rows}, "term": os.environ.get("TERM", "")}
    return packed(request)
