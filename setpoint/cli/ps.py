"""`setpoint ps`: the processes that pods consist of, as their nodes tell them. Nearest kin: ps(1), `docker top`.

Reads: Pods, and the processes of their nodes. Writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import msgpack

from proto import subjects
from proto.bus.port import Bus, BusError
from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.errors import ApiError, BadRequest, NotFound, from_status
from setpoint.cli.errors import CliError
from setpoint.cli.output import columns, print_lines, print_objects
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.pods import container_of, node_of, pods_of, target_of
from setpoint.cli.trees import in_tree_order

ANSWER_S = 10.0
PODS_AT_ONCE = 32
COMMAND_WIDTH = 80
_MEBI = 1024 * 1024

Item = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("pod", metavar="POD", nargs="?", default="", help="a pod, or KIND/NAME; without: all that run")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="pods of every namespace")
    parser.add_argument("-l", "--selector", default="", help="pods with these labels")
    parser.add_argument("-c", "--container", default="", help="only this container")
    parser.add_argument("-o", "--output", choices=("table", "wide", "json", "yaml"), default="table")
    parser.add_argument("--no-headers", action="store_true", help="print no line of titles")


async def run(options: argparse.Namespace) -> int:
    """Print the processes; 1 if some of them could not be had."""
    async with connect(options) as client:
        pods = await _chosen(client, options)
        gate = asyncio.Semaphore(PODS_AT_ONCE)
        answers = await asyncio.gather(*(_asked(client.bus, pod, options, gate) for pod in pods))
    if len(pods) > 1 or not options.pod:
        answers = [() if isinstance(answer, BadRequest | NotFound) else answer for answer in answers]
    found = [process for answer in answers if not isinstance(answer, Exception) for process in answer]
    failures = [answer for answer in answers if isinstance(answer, Exception)]
    if len(pods) == 1 and failures:
        raise failures[0]
    for failure in failures:
        print(f"setpoint ps: {failure}", file=sys.stderr)
    if options.output in ("json", "yaml"):
        print_objects(found, options.output, as_list=True)
    elif found:
        print_lines(columns(_rows(found, options, several=len(pods) > 1)))
    elif not failures:
        where = "" if options.all_namespaces else f" in {options.namespace} namespace"
        print(f"No running pods found{where}.", file=sys.stderr)
    return 1 if failures else 0


async def _chosen(client: RawClient, options: argparse.Namespace) -> list[Item]:
    """The pods that are meant; those that are not named only if they run.

    Raises:
        CliError | ApiError: one that is named is not there.
    """
    if options.pod and (options.selector or options.all_namespaces):
        raise CliError("name a pod, or choose among all with --selector or -A, not both")
    if not options.pod:
        namespace = "" if options.all_namespaces else options.namespace
        listed = await client.list_all(BY_KIND["Pod"], namespace, labelSelector=options.selector)
        return [pod for pod in listed.body.get("items", ()) if pod.get("status", {}).get("phase") == "Running"]
    target = target_of([options.pod])
    if target.kind.kind == "Pod":
        return [(await client.call("get", target.kind, options.namespace, target.name)).body]
    pods = await pods_of(client, target, options.namespace)
    return [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"] or pods[:1]


async def _asked(
    bus: Bus, pod: Item, options: argparse.Namespace, gate: asyncio.Semaphore
) -> Sequence[Item] | CliError | ApiError:
    """The processes of a pod in the form of `-o json`, or why they cannot be told.

    That nothing of it runs now (any more) is a `BadRequest` or `NotFound`: only who named that pod wants to know.
    """
    metadata = pod["metadata"]
    try:
        node = node_of(pod)
        container = container_of(pod, options.container) if options.container else ""
        request = {"namespace": metadata["namespace"], "pod": metadata["name"], "container": container}
        async with gate:
            subject = subjects.node_down(node, "processes")
            answer = await bus.request(subject, packed(request), timeout_s=ANSWER_S)
    except BusError:
        return CliError(
            f"the agent of node {node} does not answer, so the processes of pod {metadata['name']} cannot be told now"
        )
    except CliError as problem:
        return problem
    reply = msgpack.unpackb(answer.data)
    if reply.get("error"):
        return from_status(reply["error"])
    if reply.get("omitted"):
        print(f"Warning: {reply['omitted']} more processes of pod {metadata['name']} are not shown", file=sys.stderr)
    identity = {"apiVersion": "setpoint.dev/v1", "kind": "Process", "namespace": metadata["namespace"],
                "pod": metadata["name"], "node": node}  # fmt: skip
    return [{**identity, **process} for process in reply.get("processes", ())]


def _rows(processes: list[Item], options: argparse.Namespace, *, several: bool) -> list[list[str]]:
    """The table: containers one after the other, each as a tree."""
    wide = options.output == "wide"
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for process in processes:
        groups.setdefault((process["namespace"], process["pod"], process["container"]), []).append(process)
    first = [*(["NAMESPACE"] if options.all_namespaces else []), *(["POD"] if several else [])]
    titles = [*first, "CONTAINER", "PID", "PPID", "USER", "STAT", "%CPU", "RSS", "THREADS", "AGE"]
    rows = [] if options.no_headers else [[*titles, *(["STARTED", "TIME", "NODE"] if wide else []), "COMMAND"]]
    for (namespace, pod, container), group in groups.items():
        names = [*([namespace] if options.all_namespaces else []), *([pod] if several else []), container]
        rows += [[*names, *_cells(each, depth, wide=wide)] for each, depth in in_tree_order(group)]
    return rows


def _cells(process: Item, depth: int, *, wide: bool) -> list[str]:
    from setpoint.cli.ages import age_since, timestamp

    command = "  " * (depth - 1) + "\\_ " * bool(depth) + " ".join(map(_plain, process.get("command", ())))
    cells = [
        str(process["pid"]), str(process["parentPid"]), process["user"], process["state"],
        f"{process.get('cpuPercent', 0):.1f}", f"{process.get('memoryBytes', 0) / _MEBI:.1f}Mi",
        str(process.get("threads", 1)), age_since(process["startedAt"]),
    ]  # fmt: skip
    if wide:
        used_s = int(process.get("cpuS", 0))
        time = f"{used_s // 3600}:{used_s // 60 % 60:02}:{used_s % 60:02}"
        return [*cells, timestamp(process["startedAt"]), time, process["node"], command]
    return [*cells, command if len(command) <= COMMAND_WIDTH else command[: COMMAND_WIDTH - 1] + "…"]


def _plain(word: str) -> str:
    """A word of a command on one line."""
    return word if word.isprintable() else repr(word)
