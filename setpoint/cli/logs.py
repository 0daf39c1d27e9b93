"""`setpoint logs`: the output of pods, straight from their nodes' agents, at the reader's pace.

Reads: streams of the agents. Writes: stdout; on stderr what went wrong or was missed. Never: looks at single lines.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from proto import subjects
from proto.bus.port import Bus, BusError
from proto.errors import ApiError
from proto.streams import StreamBroken, open_stream
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.following import Mark, followed
from setpoint.cli.log_gaps import Gaps
from setpoint.cli.log_lines import LineCutter
from setpoint.cli.log_sources import Source, chosen_sources
from setpoint.cli.session import add_cluster_arguments, connect
from setpoint.cli.talking.asking import packed
from setpoint.cli.talking.standard import Outlet, widen

SELECTED_TAIL = 10
"""Lines of each pod that a selector chose, unless --tail says otherwise (as kubectl)."""

WINDOW_BYTES = 4 * 1024 * 1024
"""What may be on its way: enough that the agent reads on while we print."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    parser.add_argument(
        "resource", nargs="*", help="POD [CONTAINER], pod/NAME, deployment/NAME or another that has pods"
    )
    parser.add_argument(
        "-c", "--container", default="", help="the container (default: the first, or the annotated one)"
    )
    parser.add_argument("--all-containers", action="store_true", help="every container of the pod, also the init ones")
    parser.add_argument("--all-pods", action="store_true", help="every pod of a controller; sets --prefix")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new output")
    parser.add_argument("-p", "--previous", action="store_true", help="of the container's life before this one")
    parser.add_argument("--tail", type=int, default=None, metavar="LINES", help="only the last lines; -1: all")
    since = parser.add_mutually_exclusive_group()
    since.add_argument("--since", type=duration_s, default=None, metavar="DURATION", help="such as 30s, 5m or 1h30m")
    since.add_argument("--since-time", type=_since, dest="since", metavar="TIME", help="such as 2026-01-31T12:00:00Z")
    parser.add_argument("--limit-bytes", type=int, default=None, metavar="N", help="at most so many of each container")
    parser.add_argument("--max-log-requests", type=int, default=5, metavar="N", help="how many to follow at most (5)")
    parser.add_argument(
        "--pod-running-timeout", type=duration_s, default=20.0, metavar="DURATION",
        help="how long to wait for the first pod of a controller (20s)",
    )  # fmt: skip
    parser.add_argument("--timestamps", action="store_true", help="begin each line with its time")
    parser.add_argument("-l", "--selector", default="", help="of all pods with these labels")
    parser.add_argument("--prefix", action="store_true", help="begin each line with its pod and container")
    parser.add_argument("--ignore-errors", action="store_true", help="tell what cannot be read, and go on with others")


async def run(options: argparse.Namespace) -> int:
    """Print the output of every chosen container; several are followed side by side."""
    _check(options)
    async with connect(options) as client:
        sources = await chosen_sources(client, options)
        if not sources:
            print(f"No resources found in {options.namespace} namespace.", file=sys.stderr)
        if options.follow and len(sources) > options.max_log_requests:
            raise CliError(
                f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is "
                f"{options.max_log_requests}, use --max-log-requests to increase the limit"
            )
        readings = [Reading(client.bus, source, options) for source in sources]
        widen(sys.stdout.fileno())
        outlet = Outlet()
        if options.follow:
            await asyncio.gather(*(reading.print(outlet, by_lines=len(sources) > 1) for reading in readings))
        else:
            for reading in readings:
                await reading.print(outlet)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be meant.

    Raises:
        CliError
    """
    if options.tail is not None and options.tail < -1:
        raise CliError(f"--tail: must be -1 or more, found {options.tail}")
    if options.limit_bytes is not None and options.limit_bytes < 1:
        raise CliError(f"--limit-bytes: must be 1 or more, found {options.limit_bytes}")
    if options.max_log_requests < 1:
        raise CliError(f"--max-log-requests: must be 1 or more, found {options.max_log_requests}")
    if options.container and options.all_containers:
        raise CliError("--all-containers and a container's name exclude each other")


def _since(text: str) -> float:
    """A moment in RFC 3339, as the age in seconds that it has now.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a time such as 2026-01-31T12:00:00Z, found {text!r}") from None
    return max((datetime.now(UTC) - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds(), 0.0)


class Reading:
    """One container's output on its way here."""

    def __init__(self, bus: Bus, source: Source, options: argparse.Namespace) -> None:
        self._bus = bus
        self._source = source
        self._options = options
        self._left_bytes: int | None = options.limit_bytes
        self._gaps = Gaps(f"{source.pod}/{source.container}")
        prefix = options.prefix or options.all_pods
        self._label = f"[pod/{source.pod}/{source.container}] ".encode() if prefix else b""

    async def print(self, outlet: Outlet, *, by_lines: bool = False) -> None:
        """Print it as it comes, or `by_lines` because others print, too.

        Raises:
            CliError | ApiError: it cannot be read, or broke off.
        """
        try:
            await self._told(self._print(outlet, by_lines=by_lines or bool(self._label)))
        except (ApiError, CliError) as error:
            if not self._options.ignore_errors:
                raise
            print(f"error: {error}", file=sys.stderr)

    async def _print(self, outlet: Outlet, *, by_lines: bool) -> None:
        cutter = LineCutter(self._label)
        async with aclosing(self._text()) as pieces:
            async for piece in pieces:
                if text := cutter.cut(piece) if by_lines else piece:
                    await outlet.write(sys.stdout.fileno(), text)
        if rest := cutter.finish():
            await outlet.write(sys.stdout.fileno(), rest)

    async def _text(self) -> AsyncGenerator[memoryview, None]:
        if not self._source.node:
            raise CliError(f"pod {self._source.pod} is not on a node yet, so it has no output")
        loop = asyncio.get_running_loop()
        try:
            async with aclosing(followed(self._ask, missed=self._gaps.add, patient=self._options.follow)) as pieces:
                async for piece in pieces:
                    self._left_bytes = None if self._left_bytes is None else self._left_bytes - len(piece)
                    _warn(self._gaps.due(loop.time()))
                    yield piece
                    if self._left_bytes == 0:
                        return
        finally:
            _warn(self._gaps.rest())

    def _ask(self, after: Mark | None) -> AsyncGenerator[bytes, None]:
        subject = subjects.node_down(self._source.node, "logs")
        request = packed(self._request(after))
        return open_stream(self._bus, subject, request, window_bytes=WINDOW_BYTES)

    def _request(self, after: Mark | None) -> dict[str, Any]:
        """A `proto.node.LogRequest`, written out so that this verb starts without the models."""
        options, tail = self._options, self._options.tail
        if tail is None:
            tail = SELECTED_TAIL if options.selector else -1
        return {
            "namespace": self._source.namespace,
            "pod": self._source.pod,
            "container": self._source.container,
            "follow": options.follow,
            "previous": options.previous,
            "tail": tail,
            "timestamps": options.timestamps,
            "sinceS": options.since,
            "limitBytes": self._left_bytes,
            "marks": True,
            "after": after,
        }

    async def _told(self, printing: Coroutine[Any, Any, None]) -> None:
        """The printing, whose failures are told in words."""
        pod, node = self._source.pod, self._source.node
        try:
            await printing
        except BusError:
            raise CliError(
                f"the agent of node {node} does not answer, so the output of pod {pod} cannot be read now"
            ) from None
        except StreamBroken as error:
            raise CliError(f"the output of pod {pod} broke off: {error}") from None


def _warn(text: str) -> None:
    if text:
        print(f"setpoint logs: {text}", file=sys.stderr)
