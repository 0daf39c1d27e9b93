"""`setpoint logs`: the output of pods, straight from their nodes' agents, at the reader's pace."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import NamedTuple

import msgpack

from proto import subjects
from proto.bus.port import Bus, BusError
from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.streams import StreamBroken, open_stream
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.following import followed
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking.pods import Item, pods_of, target_of
from setpoint.cli.talking.standard import Outlet

_SELECTED_TAIL = 10
"""Lines of each pod that a selector chose, unless --tail says otherwise (as kubectl)."""


class Source(NamedTuple):
    """One container of one pod, on its node."""

    pod: str
    namespace: str
    node: str
    container: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument("resource", nargs="*", help="POD, pod/NAME, deployment/NAME or replicaset/NAME")
    parser.add_argument("-c", "--container", default="", help="the container (default: the first)")
    parser.add_argument("--all-containers", action="store_true", help="every container of the pod")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new output")
    parser.add_argument("-p", "--previous", action="store_true", help="of the container's life before this one")
    parser.add_argument("--tail", type=int, default=None, metavar="LINES", help="only the last lines; -1: all")
    parser.add_argument("--since", type=duration_s, default=None, metavar="DURATION", help="such as 30s, 5m or 1h30m")
    parser.add_argument("--since-time", type=_since, dest="since", metavar="TIME", help="such as 2026-01-31T12:00:00Z")
    parser.add_argument("--max-log-requests", type=int, default=5, metavar="N", help="how many to follow at most (5)")
    parser.add_argument("--timestamps", action="store_true", help="begin each line with its time")
    parser.add_argument("-l", "--selector", default="", help="of all pods with these labels")
    parser.add_argument("--prefix", action="store_true", help="begin each line with its pod and container")


async def run(options: argparse.Namespace) -> int:
    """Print the output of every chosen container; several are followed side by side."""
    if options.tail is not None and options.tail < -1:
        raise CliError(f"--tail: must be -1 or more, found {options.tail}")
    async with connect(options) as client:
        outlet = Outlet()
        pods = await _choose_pods(client, options)
        sources = [source for pod in pods for source in _containers(pod, options)]
        if options.follow and len(sources) > options.max_log_requests:
            raise CliError(
                f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is "
                f"{options.max_log_requests}, use --max-log-requests to increase the limit"
            )
        if options.follow:
            await asyncio.gather(*(_print(client.bus, source, options, outlet) for source in sources))
        else:
            for source in sources:
                await _print(client.bus, source, options, outlet)
    return 0


def _since(text: str) -> float:
    """A moment in RFC 3339, as the age in seconds that it has now."""
    moment = datetime.fromisoformat(text)
    return max((datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds(), 0.0)


async def _choose_pods(client: RawClient, options: argparse.Namespace) -> list[Item]:
    if bool(options.resource) == bool(options.selector):
        raise CliError("say whose output: a pod, deployment/NAME, or a --selector")
    if options.selector:
        listed = await client.list_all(BY_KIND["Pod"], options.namespace, labelSelector=options.selector)
        pods: list[Item] = listed.body.get("items", [])
        if not pods:
            raise CliError(f"no pods in namespace {options.namespace} match {options.selector}")
        return pods
    return [await _named_pod(client, options)]


async def _named_pod(client: RawClient, options: argparse.Namespace) -> Item:
    """The pod that is named, or one of the controller that is; says which."""
    target = target_of(options.resource)
    if target.kind.kind == "Pod":
        return (await client.call("get", target.kind, options.namespace, target.name)).body
    pods = await pods_of(client, target, options.namespace)
    if len(pods) > 1:
        print(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}", file=sys.stderr)
    return pods[0]


def _containers(pod: Item, options: argparse.Namespace) -> list[Source]:
    metadata, spec = pod["metadata"], pod["spec"]
    names = [container["name"] for container in spec.get("containers", ())]
    if options.container and options.container not in names:
        raise CliError(f"container {options.container} is not in pod {metadata['name']}; it has {', '.join(names)}")
    node = spec.get("nodeName", "")
    if not node:
        raise CliError(f"pod {metadata['name']} is not on a node yet, so it has no output")
    if not options.container and not options.all_containers:
        if len(names) > 1:
            print(f'Defaulted container "{names[0]}" out of: {", ".join(names)}', file=sys.stderr)
        names = names[:1]
    chosen = [options.container] if options.container else names
    return [Source(metadata["name"], metadata["namespace"], node, name) for name in chosen]


def _request(source: Source, options: argparse.Namespace) -> bytes:
    """A `proto.node.LogRequest`, written out so that this verb starts without the models."""
    tail = options.tail
    if tail is None:
        tail = _SELECTED_TAIL if options.selector else -1
    request = {
        "namespace": source.namespace,
        "pod": source.pod,
        "container": source.container,
        "follow": options.follow,
        "previous": options.previous,
        "tail": tail,
        "timestamps": options.timestamps,
    }
    if options.since is not None:
        request["sinceS"] = options.since
    return bytes(msgpack.packb(request))


async def _print(bus: Bus, source: Source, options: argparse.Namespace, outlet: Outlet) -> None:
    prefix = f"[pod/{source.pod}/{source.container}] ".encode() if options.prefix else b""
    subject = subjects.node_down(source.node, "logs")
    try:
        if options.follow:
            await _follow(bus, source, options, prefix, outlet)
            return
        async with aclosing(open_stream(bus, subject, _request(source, options))) as text:
            if not prefix:
                async for chunk in text:
                    await _write(outlet, chunk)
                return
            async for line in _lines(text):
                await _write(outlet, prefix + line)
    except BusError:
        raise CliError(
            f"the agent of node {source.node} does not answer, so the output of pod {source.pod} cannot be read now"
        ) from None
    except StreamBroken as error:
        raise CliError(f"the output of pod {source.pod} broke off: {error}") from None


async def _follow(bus: Bus, source: Source, options: argparse.Namespace, prefix: bytes, outlet: Outlet) -> None:
    """Print what there is and what comes, also from the agent's next life."""
    subject = subjects.node_down(source.node, "logs")
    timed = argparse.Namespace(**{**vars(options), "timestamps": True})
    everything = argparse.Namespace(**{**vars(timed), "tail": -1, "since": None})
    async for stamp, text in followed(
        lambda: _lines(open_stream(bus, subject, _request(source, timed))),
        lambda: _lines(open_stream(bus, subject, _request(source, everything))),
    ):
        await _write(outlet, prefix + (stamp + b" " if options.timestamps else b"") + text)


async def _write(outlet: Outlet, text: bytes) -> None:
    """Print it, however long whoever reads us takes: the stream stays alive meanwhile."""
    await outlet.write(sys.stdout.fileno(), text)


async def _lines(stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Whole lines, each with its newline; the last one may lack it. Ends the stream with itself."""
    rest = b""
    async with aclosing(stream) as chunks:
        async for chunk in chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line + b"\n"
    if rest:
        yield rest
