"""The control-plane program: `python -m control_plane --nats URL`.

Prints one line `ready …` on stdout when it serves; logs to stderr. Ends with 0 on SIGTERM and SIGINT, after giving
leadership up; with 1 and one line on stderr when it cannot start, or when a part of it that must not end has ended
(whoever keeps it running starts it again).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import platform
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import uvloop

from control_plane.hub.hub import HubPace
from control_plane.program import ControlPlane, PartEnded, Settings
from control_plane.store.nats import NatsLeaderKeys, open_store
from control_plane.store.port import StoreError
from proto.bus.nats import NatsBus
from proto.bus.port import BusError
from proto.clock import SystemClock
from proto.ids import RandomIds

T = TypeVar("T")

PROGRAM = "setpoint-control-plane"
DEFAULT_NATS = "nats://127.0.0.1:4222"
LOG_LEVELS = ("debug", "info", "warning", "error")

GC_THRESHOLDS = (50_000, 20, 100)
"""Objects live long and are no part of cycles: the collector should seldom walk them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to stop; the exit status."""
    arguments = parse(argv)
    logging.basicConfig(
        level=arguments.log_level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
        stream=sys.stderr,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(serve(arguments))
        except (BusError, StoreError, PartEnded) as error:
            print(f"{PROGRAM}: {error}", file=sys.stderr)
            return 1


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; `NATS_URL` stands in for `--nats`."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Serves the API, and leads the cluster if elected.")
    parser.add_argument("--nats", default=os.environ.get("NATS_URL", DEFAULT_NATS), metavar="URL",
                        help="NATS server(s), separated by commas (default: $NATS_URL or %(default)s)")  # fmt: skip
    parser.add_argument("--name", default=platform.node() or "control-plane", help="this replica (default: host name)")
    parser.add_argument("--replicas", type=int, choices=(1, 3), default=1, help="copies of the store's stream in NATS")
    pace = HubPace()
    for option, default_s, words in (
        ("--heartbeat-s", pace.heartbeat_s, "how often nodes speak"),
        ("--grace-s", pace.grace_s, "silence that makes a node lost"),
        ("--lease-s", pace.lease_s, "after so long without a heartbeat nodes stop what must be one"),
    ):
        parser.add_argument(option, type=_seconds, default=default_s, help=f"{words} (default: %(default)s)")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    arguments = parser.parse_args(argv)
    heartbeat_s, grace_s, lease_s = arguments.heartbeat_s, arguments.grace_s, arguments.lease_s
    if grace_s <= heartbeat_s:
        parser.error(f"--grace-s must be longer than --heartbeat-s ({heartbeat_s:g}), found {grace_s:g}")
    if lease_s <= grace_s:
        parser.error(f"--lease-s must be longer than --grace-s ({grace_s:g}), found {lease_s:g}")
    return arguments


async def serve(arguments: argparse.Namespace) -> int:
    """Connect, serve, and stop in order; the exit status. A signal ends it at every step."""
    stopped = _stop_signal()
    async with AsyncExitStack() as opened:
        control_plane = await _unless(stopped, _compose(arguments, opened))
        if control_plane is None:
            return 0
        opened.push_async_callback(control_plane.stop)
        if await _unless(stopped, _start(control_plane)) is None:
            return 0
        return 0 if await _unless(stopped, control_plane.failed()) is None else 1


async def _compose(arguments: argparse.Namespace, opened: AsyncExitStack) -> ControlPlane:
    """A control plane on NATS; what it stands on is closed with `opened`."""
    clock, ids = SystemClock(), RandomIds()
    bus = await NatsBus.connect(arguments.nats, name=PROGRAM)
    opened.push_async_callback(bus.close)
    store = await open_store(bus, clock, replicas=arguments.replicas)
    opened.push_async_callback(store.close)
    keys = await NatsLeaderKeys.open(bus, clock, replicas=arguments.replicas)
    opened.push_async_callback(keys.close)
    settings = Settings(
        holder=f"{arguments.name}-{os.getpid()}",
        hub=HubPace(heartbeat_s=arguments.heartbeat_s, grace_s=arguments.grace_s, lease_s=arguments.lease_s),
    )
    return ControlPlane(bus, store, keys, clock, ids, settings)


async def _start(control_plane: ControlPlane) -> bool:
    """Begin to serve, and say so."""
    await control_plane.start()
    _tune_collector()
    print(f"ready name={control_plane.holder}", flush=True)
    return True


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of `work`; None if the program was told to stop before there was one."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    either: set[asyncio.Future[Any]] = {working, stopping}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return None if stopping.done() else working.result()
    finally:
        for task in either:
            task.cancel()
        await asyncio.wait(either)


def _stop_signal() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _tune_collector() -> None:
    """What is loaded by now stays for ever."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ValueError
    return value


if __name__ == "__main__":
    sys.exit(main())
