"""`setpoint attach`: shows what a container's own program prints from now on, and types for it.

Source: kubectl `pkg/cmd/attach`.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, NamedTuple

from proto import subjects
from proto.client.raw import RawClient
from proto.phases import ENDED
from setpoint.cli.errors import CliError
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking import terminal
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.beginning import add_timeout_argument, begun
from setpoint.cli.talking.pods import Item, container_of, node_of, pod_of
from setpoint.cli.talking.session import hold


class Wishes(NamedTuple):
    """What somebody wants of a program: to type for it, at a terminal, and to hear nothing but the program."""

    stdin: bool
    tty: bool
    quiet: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("pod", metavar="POD", help="a pod, or KIND/NAME for one of a controller's pods")
    parser.add_argument("-c", "--container", default="", help="the container (default: the first)")
    parser.add_argument("-i", "--stdin", action="store_true", help="pass our stdin to the program")
    parser.add_argument("-t", "--tty", action="store_true", help="be the program's terminal")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but what the program prints")
    add_timeout_argument(parser)


async def run(options: argparse.Namespace) -> int:
    """Attach; the program's exit code is ours if it ends."""
    async with connect(options) as client:
        pod = await pod_of(client, [options.pod], options.namespace, options.pod_running_timeout)
        if pod.get("status", {}).get("phase") in ENDED:
            phase = pod["status"]["phase"]
            raise CliError(f"cannot attach a container in a completed pod; current phase is {phase}")
        container = container_of(pod, options.container, quiet=options.quiet)
        pod = await begun(client, pod, container, options.pod_running_timeout)
        return await attach(client, pod, container, Wishes(options.stdin, options.tty, options.quiet))


async def attach(client: RawClient, pod: Item, container: str, wishes: Wishes) -> int:
    """Attach to the program of a running container until it ends; its exit code.

    Raises:
        CliError | ApiError: there is no line to it, or it broke.
    """
    name, node = pod["metadata"]["name"], node_of(pod)
    has_terminal = _has_terminal(pod, container)
    if wishes.tty and not has_terminal and not wishes.quiet:
        print(f"error: Unable to use a TTY - container {container} did not allocate one", file=sys.stderr)
    typed = has_terminal and wishes.stdin and sys.stdin.isatty()
    if typed and not wishes.quiet:
        print("If you don't see a command prompt, try pressing enter.", file=sys.stderr)
    exit_code = await hold(
        client.bus, subjects.node_down(node, "attach"), _request(pod, container, stdin=wishes.stdin, typed=typed),
        stdin=wishes.stdin, tty=typed, who=f"the agent of node {node}",
    )  # fmt: skip
    if typed and not wishes.quiet and pod["spec"].get("restartPolicy", "Always") == "Always":
        print(f"Session ended, resume using 'setpoint attach {name} -c {container} -i -t' command when the pod is "
              "running", file=sys.stderr)  # fmt: skip
    return exit_code


def _has_terminal(pod: Item, container: str) -> bool:
    containers = [each for part in ("containers", "initContainers") for each in pod["spec"].get(part, ())]
    return any(each["name"] == container and each.get("tty") for each in containers)


def _request(pod: Item, container: str, *, stdin: bool, typed: bool) -> bytes:
    """A `proto.node_programs.AttachRequest`, written out so that this verb starts without the models."""
    request: dict[str, Any] = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "container": container,
        "stdin": stdin,
    }
    if typed:
        columns, rows = terminal.size()
        request["terminal"] = {"columns": columns, "rows": rows}
    return packed(request)
