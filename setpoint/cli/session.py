"""Finding the cluster and talking to it: what every verb begins with.

The server is, in this order: `--nats`, `$NATS_URL`, the cluster that `setpoint up` started last for this user, and
`nats://127.0.0.1:4222`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from proto.client.raw import RawClient
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError

DEFAULT_SERVER = "nats://127.0.0.1:4222"
CONNECT_S_MAX = 3.0


def current_context_path() -> Path:
    """Where `setpoint up` notes the cluster it runs."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "setpoint" / "current.json"


def server_of(options: argparse.Namespace) -> str:
    """The NATS server that a verb should talk to."""
    if options.nats:
        return str(options.nats)
    if "NATS_URL" in os.environ:
        return os.environ["NATS_URL"]
    try:
        return str(json.loads(current_context_path().read_text())["nats"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_SERVER


def add_cluster_arguments(parser: argparse.ArgumentParser, *, namespaced: bool = True) -> None:
    """The flags that every verb which talks to a cluster has."""
    parser.add_argument("--nats", metavar="URL", help="the NATS server (default: $NATS_URL, or the local cluster)")
    parser.add_argument("--request-timeout", type=duration_s, default=15.0, metavar="DURATION", help=argparse.SUPPRESS)
    if namespaced:
        parser.add_argument("-n", "--namespace", default="default", help="the namespace (default: %(default)s)")


@asynccontextmanager
async def connect(options: argparse.Namespace) -> AsyncIterator[RawClient]:
    """A client of the cluster, closed at the end.

    Raises:
        CliError: no server answers there.
    """
    from proto.bus.nats import NatsBus
    from proto.bus.port import Disconnected

    # What goes wrong is said once, as the verb's own failure.
    logging.getLogger().addHandler(logging.NullHandler())
    server = server_of(options)
    try:
        bus = await NatsBus.connect(server, name="setpoint-cli", wait=False)
    except Disconnected as error:
        raise CliError(f"{error}; start a cluster with `setpoint up`, or name one with --nats") from None
    try:
        yield RawClient(bus, timeout_s=options.request_timeout)
    finally:
        await bus.close()


def warn(warnings: Iterable[str]) -> None:
    """Print what the API wants the user to know."""
    for warning in warnings:
        print(f"Warning: {warning}", file=sys.stderr)
