"""`setpoint up`: a cluster on this machine, in the foreground, for daily use.

State stays in the data folder, so that the next start goes on where this one stopped. One machine is this host
itself; several are separate machines on this host (see `setpoint.local`). While it runs, the commands of the same
user find it without being told where it is.

Reads: the data folder. Writes: the data folder, and `$XDG_STATE_HOME/setpoint/current.json` while it runs.
Never: runs twice on one data folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from setpoint.local.cluster import LocalCluster

DEFAULT_PORT = 4222
READY_WITHIN_S = 30.0
MACHINES_MAX = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `setpoint up` takes."""
    parser.add_argument("--machines", type=int, default=1, metavar="N", help="how many machines (default: 1)")
    parser.add_argument(
        "--data-dir", type=Path, default=default_data_dir(), metavar="DIR", help="where state is kept (%(default)s)"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="PORT", help="the NATS server's (%(default)s); 0: a free one"
    )
    parser.add_argument(
        "--isolation",
        choices=("auto", "netns", "groups"),
        default="auto",
        help="several machines as network namespaces (netns, needs root) or as process groups on loopback (groups)",
    )


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/setpoint`, by default `~/.local/share/setpoint` (XDG base directories)."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "setpoint"


def run(options: argparse.Namespace) -> int:
    """Run the cluster until it is told to stop; 0 when it was, 1 when it cannot start."""
    import signal

    from setpoint.local.errors import LocalError
    from setpoint.local.interruption import run_interruptible

    try:
        _check(options)
        with _exclusive(options.data_dir):
            status = run_interruptible(_serve(options))
    except LocalError as error:
        print(f"setpoint up: {error}", file=sys.stderr)
        return 1
    asked_to_stop = status in (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP)
    return 0 if asked_to_stop else status


def _check(options: argparse.Namespace) -> None:
    from setpoint.local.errors import LocalError

    if not 1 <= options.machines <= MACHINES_MAX:
        raise LocalError(f"--machines must be between 1 and {MACHINES_MAX}, not {options.machines}")
    if not 0 <= options.port <= 65535:
        raise LocalError(f"--port must be between 0 and 65535, not {options.port}")
    options.data_dir = options.data_dir.expanduser().absolute()


async def _serve(options: argparse.Namespace) -> int:
    import asyncio

    from setpoint.local.cluster import ClusterShape, LocalCluster
    from setpoint.local.relay import loopback_door

    shape = ClusterShape(
        data_dir=options.data_dir,
        machines=node_names(options.machines),
        port=options.port,
        isolation="groups" if options.machines == 1 else options.isolation,
    )
    print("starting the cluster …", file=sys.stderr)
    cluster = LocalCluster(shape, report=lambda line: print(line, file=sys.stderr))
    async with cluster, loopback_door(cluster.url, options.port) as url:
        with _announced(options.data_dir, url):
            try:
                await _greet(cluster, url)
                await asyncio.Event().wait()
            finally:
                print("\nstopping; objects are kept …", file=sys.stderr)
    return 0


def node_names(count: int) -> tuple[str, ...]:
    """This host's name, made a DNS-1123 label, for the first machine; with `-2`, `-3`, … for the others."""
    import re
    import socket

    label = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")[:56].rstrip("-")
    first = label or "machine"
    return (first, *(f"{first}-{number}" for number in range(2, count + 1)))


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the data folder's lock, which the kernel drops with the process.

    Raises:
        LocalError: another `setpoint up` holds it, or the folder cannot be written.
    """
    import fcntl

    from setpoint.local.errors import LocalError

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise LocalError(f"cannot write to {data_dir}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LocalError(f"another setpoint up (pid {holder}) runs on {data_dir}") from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def _announced(data_dir: Path, url: str) -> Iterator[None]:
    """Note where this cluster answers, for the commands of this user, as long as it runs."""
    import json

    from setpoint.cli.session import current_context_path

    note = json.dumps({"nats": url, "dataDir": str(data_dir), "pid": os.getpid()}) + "\n"
    current = current_context_path()
    places = (data_dir / "context.json", current)
    for place in places:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            unfinished = place.with_name(f"{place.name}.{os.getpid()}")
            unfinished.write_text(note)
            unfinished.replace(place)
        except OSError as error:
            print(f"cannot note the cluster in {place} ({error.strerror}); use NATS_URL", file=sys.stderr)
    try:
        yield
    finally:
        for place in places:
            if place.exists() and place.read_text() == note:
                place.unlink()


async def _greet(cluster: LocalCluster, url: str) -> None:
    """Wait until the machines are Ready, and say how to go on."""
    from proto.bus.nats import NatsBus
    from setpoint.local.ready import unready_nodes

    bus = await NatsBus.connect(cluster.url, name="setpoint-up")
    try:
        unready = await unready_nodes(bus, cluster.shape.machines, within_s=READY_WITHIN_S)
    finally:
        await bus.close()
    for name in unready:
        print(f"node {name} is not Ready yet; its log is {cluster.machines[name].state_dir}/node_agent.log")
    print(_greeting(cluster, url), flush=True)


def _greeting(cluster: LocalCluster, url: str) -> str:
    count = len(cluster.shape.machines)
    if count == 1:
        machines = f"machine {cluster.shape.machines[0]} (this host)"
    else:
        machines = f"{count} machines: {', '.join(cluster.shape.machines)} ({cluster.fleet.kind}; {cluster.why})"
    return "\n".join(
        [
            f"The cluster is up with {machines}.",
            "",
            f"    export NATS_URL={url}     # for other tools; setpoint finds it by itself",
            "    setpoint get nodes",
            "    setpoint apply -f examples/web.yaml",
            "",
            f"State is kept in {cluster.shape.data_dir}. Ctrl-C stops the cluster and keeps its objects.",
        ]
    )
