"""`setpoint top`: what nodes and pods use, as `kubectl top` shows it.

Reads: Nodes, Pods, and the figures of their agents. Writes nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import msgpack

from proto import subjects
from proto.bus.port import Bus, BusError
from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.errors import NotFound
from proto.quantity import cpu_millis, whole
from setpoint.cli.errors import CliError
from setpoint.cli.output import columns, print_lines
from setpoint.cli.session import add_cluster_arguments, connect

ANSWER_S = 3.0
NODES_AT_ONCE = 64
WAITS = ["PROCESSES", "THROTTLED", "CPU-WAIT", "MEMORY-WAIT", "IO-WAIT", "OOM-KILLS"]
_MEBI = 1024 * 1024

Item = dict[str, Any]
Key = tuple[str, str, str]
"""Namespace, pod, container; the container is "" for a whole pod."""


class Use(NamedTuple):
    """Processor in thousandths of a core, memory in bytes; the rest as `proto.node.UsageOfContainer` has it."""

    cpu_millis: int
    memory_bytes: int
    pids: int | None = None
    periods: int = 0
    throttled_periods: int = 0
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    io_pressure: float | None = None
    oom_kills: int = 0

    def and_of(self, other: Use) -> Use:
        """Of both together: sums, and of the pressures the higher one, since the pod waits at least as long."""
        pairs = zip(self._fields, self, other, strict=True)
        return Use(**{name: _together(name, mine, theirs) for name, mine, theirs in pairs})


NOTHING = Use(0, 0)


def _together(name: str, mine: float | None, theirs: float | None) -> Any:
    told = [figure for figure in (mine, theirs) if figure is not None]
    if name.endswith("_pressure"):
        return max(told, default=None)
    return sum(told) if told else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("kind", choices=("node", "nodes", "no", "pod", "pods", "po"), help="node or pod")
    parser.add_argument("name", nargs="?", default="", help="only that one")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="pods of every namespace")
    parser.add_argument("-l", "--selector", default="", help="those with these labels")
    parser.add_argument("--containers", action="store_true", help="a line for every container")
    parser.add_argument("--waits", action="store_true", help="also what pods wait for, and processes killed for memory")
    parser.add_argument("--sort-by", choices=("cpu", "memory"), default="", help="the greatest first")
    parser.add_argument("--sum", action="store_true", help="the sum of all pods at the end")
    parser.add_argument("--no-headers", action="store_true", help="print no headers")


async def run(options: argparse.Namespace) -> int:
    """Print the figures."""
    async with connect(options) as client:
        rows = await (_nodes if options.kind.startswith("n") else _pods)(client, options)
    print_lines(columns(rows[1:] if options.no_headers else rows))
    return 0


async def _nodes(client: RawClient, options: argparse.Namespace) -> list[list[str]]:
    nodes = await _chosen(client, options, "Node", "")
    told = await _replies(client.bus, [node["metadata"]["name"] for node in nodes])
    used = {name: _of_machine(reply["node"]) for name, reply in told.items() if reply.get("node")}
    rows = [["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]]
    known = {node["metadata"]["name"]: node["status"].get("allocatable", {}) for node in nodes}
    for name in _sorted(list(known), used, options.sort_by):
        use = used.get(name)
        if use is None:
            rows.append([name, "<unknown>", "<unknown>", "<unknown>", "<unknown>"])
            continue
        cpu, memory = (known[name].get(resource, "0") for resource in ("cpu", "memory"))
        shares = [_percent(use.cpu_millis, cpu_millis(cpu)), _percent(use.memory_bytes, whole(memory))]
        rows.append([name, _cpu(use), shares[0], _memory(use), shares[1]])
    return rows


def _of_machine(usage: Item) -> Use:
    return Use(cpu_millis(usage.get("cpu", "0")), whole(usage.get("memory", "0")))


async def _pods(client: RawClient, options: argparse.Namespace) -> list[list[str]]:
    namespace = "" if options.all_namespaces else options.namespace
    pods = await _chosen(client, options, "Pod", namespace)
    used = await _asked(client.bus, sorted({pod["spec"].get("nodeName", "") for pod in pods} - {""}))
    wanted = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}
    figures: dict[Key, Use] = {}
    for (pod_namespace, pod, container), use in used.items():
        if (pod_namespace, pod) in wanted:
            key = (pod_namespace, pod, container if options.containers else "")
            figures[key] = figures.get(key, NOTHING).and_of(use)
    if options.name and not figures:
        raise CliError(f"pod {options.name} uses nothing that is known: it does not run, or its node does not answer")
    return _pod_rows(figures, options)


def _pod_rows(figures: dict[Key, Use], options: argparse.Namespace) -> list[list[str]]:
    def cells(key: Key) -> list[str]:
        namespace, pod, container = key
        names = [namespace] if options.all_namespaces else []
        named = [*names, pod, *([container] if options.containers else [])]
        return [*named, _cpu(figures[key]), _memory(figures[key]), *(_waits(figures[key]) if options.waits else [])]

    header = ["NAMESPACE"] if options.all_namespaces else []
    header += ["POD", "NAME"] if options.containers else ["NAME"]
    rows = [[*header, "CPU(cores)", "MEMORY(bytes)", *(WAITS if options.waits else [])]]
    rows += [cells(key) for key in _sorted(list(figures), figures, options.sort_by)]
    if options.sum:
        total = reduce(Use.and_of, figures.values(), NOTHING)
        rows.append(["", *[""] * (len(header) - 1), "________", "________"])
        rows.append([*[""] * len(header), _cpu(total), _memory(total)])
    return rows


async def _chosen(client: RawClient, options: argparse.Namespace, kind: str, namespace: str) -> list[Item]:
    if options.name:
        return [(await client.call("get", BY_KIND[kind], namespace, options.name)).body]
    listed = await client.list_all(BY_KIND[kind], namespace, labelSelector=options.selector)
    items: list[Item] = listed.body.get("items", [])
    if not items:
        raise NotFound("no resources found" + (f" in namespace {namespace}" if namespace else ""))
    return items


async def _asked(bus: Bus, nodes: list[str]) -> dict[Key, Use]:
    """What all containers of these nodes use."""
    return {
        (each["namespace"], each["pod"], each["container"]): _use(each)
        for reply in (await _replies(bus, nodes)).values()
        for each in reply.get("containers", ())
    }


def _use(told: Item) -> Use:
    """From the words of the bus; what a node cannot tell is left out there."""
    named = {re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), key): value for key, value in told.items()}
    return NOTHING._replace(**{name: named[name] for name in Use._fields if named.get(name) is not None})


async def _replies(bus: Bus, nodes: list[str]) -> dict[str, Item]:
    """What the agents of these nodes tell; one that does not is named on stderr."""
    gate = asyncio.Semaphore(NODES_AT_ONCE)
    found: dict[str, Item] = {}

    async def ask(node: str) -> None:
        async with gate:
            try:
                answer = await bus.request(subjects.node_down(node, "usage"), msgpack.packb({}), timeout_s=ANSWER_S)
            except BusError:
                print(f"Warning: the agent of node {node} does not answer", file=sys.stderr)
                return
        found[node] = msgpack.unpackb(answer.data)
        if found[node].get("refused"):
            print(f"Warning: node {node} cannot tell of its pods now: {found[node]['refused']}", file=sys.stderr)

    await asyncio.gather(*map(ask, nodes))
    return found


def _sorted(keys: list[Any], used: Mapping[Any, Use], by: str) -> list[Any]:
    """By name, or the greatest first."""

    def greatest_first(key: Any) -> int:
        use = used.get(key, NOTHING)
        return -{"cpu": use.cpu_millis, "memory": use.memory_bytes}.get(by, 0)

    return sorted(sorted(keys), key=greatest_first)


def _waits(use: Use) -> list[str]:
    throttled = _percent(use.throttled_periods, use.periods) if use.periods else "-"
    pressures = (use.cpu_pressure, use.memory_pressure, use.io_pressure)
    waits = ["<unknown>" if pressure is None else f"{pressure:.0f}%" for pressure in pressures]
    return ["<unknown>" if use.pids is None else str(use.pids), throttled, *waits, str(use.oom_kills)]


def _percent(used: int, of: int) -> str:
    return f"{used * 100 // of}%" if of else "<unknown>"


def _cpu(use: Use) -> str:
    return f"{use.cpu_millis}m"


def _memory(use: Use) -> str:
    return f"{use.memory_bytes // _MEBI}Mi"
