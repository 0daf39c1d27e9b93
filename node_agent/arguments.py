"""The command line of the node agent, read and checked. Imports little, so that `--help` and refusals are quick."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from node_agent.machine.reserved import Reserved, read_reserved
from node_agent.plan.eviction import Threshold
from node_agent.plan.restarts import MAX_BACK_OFF_S
from node_agent.pressure.thresholds import DEFAULT_HARD, read_period, read_thresholds
from proto.names import label_key_problem, label_value_problem, subdomain_problem
from proto.quantity import format_bytes, whole

SYSTEM_STATE_DIR = Path("/var/lib/setpoint/agent")
DEFAULT_PORT = 4222
DRAIN_S = 60.0
PIDS_LIMIT = 4096
LOG_BYTES_MIN = 64 * 1024
"""A line of a log is cut at a quarter of this."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What was asked for. `hub` is the first server; `address` is "" for the one on the route to it.

    `drain_s`: how long a stop may take to hand the pods over first; 0: they go on here.
    """

    nats: str
    hub: tuple[str, int]
    name: str
    state_dir: Path
    address: str
    labels: dict[str, str]
    runtime: str
    pods_max: int
    pids_limit: int | None
    reserved: Reserved
    enforce_allocatable: bool
    refuse_unkept_limits: bool
    thresholds: tuple[Threshold, ...]
    pressure_transition_s: float
    eviction_grace_s: float
    crash_loop_max_s: int
    log_bytes_max: int
    log_files_max: int
    drain_s: float
    log_level: str


class BadArgument(Exception):
    """An argument cannot be used; the message says which and why."""


def read_arguments(argv: Sequence[str] | None = None) -> Arguments:
    """The arguments; ends the program with a usage message where argparse finds fault.

    Raises:
        BadArgument: a name or label breaks its rule.
    """
    given = _parser().parse_args(argv)
    problem = subdomain_problem(given.name)
    if problem:
        raise BadArgument(f'invalid node name "{given.name}": {problem}')
    if not 0 <= given.drain_on_exit < float("inf"):
        raise BadArgument(f"--drain-on-exit must be 0 or more seconds, not {given.drain_on_exit:g}")
    if given.max_pods < 1:
        raise BadArgument(f"--max-pods must be at least 1, not {given.max_pods}")
    if given.container_log_max_files < 2:
        raise BadArgument(f"--container-log-max-files must be at least 2, not {given.container_log_max_files}")
    if not 0 <= given.eviction_max_pod_grace_period < float("inf"):
        raise BadArgument(
            f"--eviction-max-pod-grace-period must be 0 or more seconds, not {given.eviction_max_pod_grace_period:g}"
        )
    return Arguments(
        nats=given.nats,
        hub=read_hub(given.nats),
        name=given.name,
        state_dir=given.state_dir,
        address=given.address,
        labels=read_labels(given.labels),
        runtime=given.runtime,
        pods_max=given.max_pods,
        pids_limit=_pids_limit(given.pod_pids_limit),
        reserved=_reserved("--system-reserved", given.system_reserved).plus(
            _reserved("--kube-reserved", given.kube_reserved)
        ),
        enforce_allocatable=given.enforce_node_allocatable == "pods",
        refuse_unkept_limits=given.unkept_limits == "refuse",
        thresholds=_thresholds(given),
        pressure_transition_s=_transition(given.eviction_pressure_transition_period),
        eviction_grace_s=given.eviction_max_pod_grace_period,
        crash_loop_max_s=_crash_loop_max(given.crash_loop_max),
        log_bytes_max=_log_size(given.container_log_max_size),
        log_files_max=given.container_log_max_files,
        drain_s=given.drain_on_exit,
        log_level=given.log_level.upper(),
    )


def _thresholds(given: argparse.Namespace) -> tuple[Threshold, ...]:
    try:
        return read_thresholds(
            given.eviction_hard, given.eviction_soft, given.eviction_soft_grace_period, given.eviction_minimum_reclaim
        )
    except ValueError as problem:
        raise BadArgument(str(problem)) from None


def _transition(text: str) -> float:
    try:
        return read_period(text)
    except ValueError as problem:
        raise BadArgument(f"--eviction-pressure-transition-period: {problem}") from None


def _crash_loop_max(text: str) -> int:
    """Kubernetes allows the same (kubelet: crashLoopBackOff.maxContainerRestartPeriod)."""
    try:
        seconds = read_period(text)
    except ValueError as problem:
        raise BadArgument(f"--crash-loop-max: {problem}") from None
    if not 1 <= seconds <= MAX_BACK_OFF_S:
        raise BadArgument(f"--crash-loop-max must be from 1s to {MAX_BACK_OFF_S}s, not {text}")
    return int(seconds)


def _log_size(text: str) -> int:
    try:
        size_bytes = whole(text)
    except ValueError as problem:
        raise BadArgument(f"--container-log-max-size: {problem}") from None
    if size_bytes < LOG_BYTES_MIN:
        raise BadArgument(f"--container-log-max-size must be at least {format_bytes(LOG_BYTES_MIN)}, not {text}")
    return size_bytes


def _pids_limit(number: int) -> int | None:
    """-1 is none, as for the kubelet."""
    if number < 1 and number != -1:
        raise BadArgument(f"--pod-pids-limit must be at least 1, or -1 for none, not {number}")
    return None if number == -1 else number


def _reserved(option: str, text: str) -> Reserved:
    try:
        return read_reserved(text)
    except ValueError as problem:
        raise BadArgument(f"{option}: {problem}") from None


def read_hub(servers: str) -> tuple[str, int]:
    """Host and port of the first of `servers`.

    Raises:
        BadArgument: it is not an address.
    """
    first = servers.split(",")[0].strip()
    try:
        parts = urlsplit(first if "//" in first else f"nats://{first}")
        return parts.hostname or "127.0.0.1", parts.port or DEFAULT_PORT
    except ValueError as error:
        raise BadArgument(f'invalid address of the hub "{first}": {error}') from None


def read_labels(text: str) -> dict[str, str]:
    """`a=b,c=d` as a map.

    Raises:
        BadArgument: not of that form, or not a label.
    """
    labels: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, separator, value = pair.partition("=")
        if not separator:
            raise BadArgument(f'invalid label "{pair}": write key=value')
        problem = label_key_problem(key) or label_value_problem(value)
        if problem:
            raise BadArgument(f'invalid label "{pair}": {problem}')
        labels[key] = value
    return labels


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="setpoint-node-agent", description="Make this machine a node of the cluster and keep its pods running."
    )
    parser.add_argument(
        "--nats",
        default=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"),
        help="the hub, as nats://host:port, several with commas (default: $NATS_URL or this machine)",
    )
    parser.add_argument("--name", default=socket.gethostname().lower(), help="the node's name (default: the hostname)")
    parser.add_argument(
        "--state-dir", type=Path, default=_default_state_dir(), help="where the agent keeps what it must remember"
    )
    parser.add_argument("--address", default="", help="this machine's address (default: that on the route to the hub)")
    parser.add_argument("--labels", default="", help="labels of the node, as a=b,c=d")
    parser.add_argument("--runtime", default="process", help="the runtime driver (default: process)")
    parser.add_argument("--max-pods", type=int, default=250, help="how many pods may run here (default: 250)")
    parser.add_argument(
        "--pod-pids-limit", type=int, default=PIDS_LIMIT, metavar="NUMBER",
        help="how many processes and threads a container may have that has no limits.pids of its own "
        f"(default: {PIDS_LIMIT}; -1: as many as the machine)",
    )  # fmt: skip
    parser.add_argument(
        "--system-reserved", default="", metavar="AMOUNTS",
        help="what is kept back for the machine, as cpu=500m,memory=1Gi,ephemeral-storage=2Gi,pid=1000 "
        "(default: nothing)",
    )  # fmt: skip
    parser.add_argument(
        "--kube-reserved", default="", metavar="AMOUNTS", help="what is kept back for Setpoint itself, in the same form"
    )
    parser.add_argument(
        "--enforce-node-allocatable", default="pods", choices=("pods", "none"),
        help="whether a control group holds all pods to what is not reserved (default: pods)",
    )  # fmt: skip
    parser.add_argument(
        "--unkept-limits", default="announce", choices=("announce", "refuse"),
        help="what becomes of containers with limits that cannot be kept here: they start and the node's condition "
        "CgroupLimits tells, or they wait (default: announce)",
    )  # fmt: skip
    parser.add_argument(
        "--crash-loop-max", default="5m", metavar="PERIOD",
        help="how long a container that keeps ending waits at most for its next life, 1s to 5m (default: 5m)",
    )  # fmt: skip
    parser.add_argument(
        "--container-log-max-size", default="10Mi", metavar="QUANTITY",
        help="how large a file of a container's output grows before another is begun (default: 10Mi)",
    )  # fmt: skip
    parser.add_argument(
        "--container-log-max-files", type=int, default=5, metavar="NUMBER",
        help="how many such files each life of a container may have, at least 2 (default: 5)",
    )  # fmt: skip
    _add_eviction(parser)
    parser.add_argument(
        "--drain-on-exit", nargs="?", type=float, const=DRAIN_S, default=0.0, metavar="SECONDS",
        help="on SIGTERM hand the pods over to other nodes first, for so long at most (default: they go on here; "
        f"without a number: {DRAIN_S:g}); a second signal ends the waiting",
    )  # fmt: skip
    parser.add_argument(
        "--log-level", default="info", choices=("debug", "info", "warning", "error"), help="(default: info)"
    )
    return parser


def _add_eviction(parser: argparse.ArgumentParser) -> None:
    """The kubelet's options for node-pressure eviction."""
    parser.add_argument(
        "--eviction-hard", default=DEFAULT_HARD, metavar="THRESHOLDS",
        help=f"shortages for which pods are ended at once, as signal<quantity or signal<percentage "
        f"(default: {DEFAULT_HARD.replace('%', '%%')}; empty: never)",
    )  # fmt: skip
    parser.add_argument(
        "--eviction-soft", default="", metavar="THRESHOLDS",
        help="shortages for which pods are ended once they have lasted (default: none)",
    )  # fmt: skip
    parser.add_argument(
        "--eviction-soft-grace-period", default="", metavar="PERIODS",
        help="how long each soft threshold must be met, as signal=1m30s",
    )  # fmt: skip
    parser.add_argument(
        "--eviction-minimum-reclaim", default="", metavar="AMOUNTS",
        help="how far beyond its threshold a shortage is dealt with, as signal=quantity",
    )  # fmt: skip
    parser.add_argument(
        "--eviction-pressure-transition-period", default="5m", metavar="PERIOD",
        help="how long a condition of pressure outlasts its shortage (default: 5m)",
    )  # fmt: skip
    parser.add_argument(
        "--eviction-max-pod-grace-period", type=float, default=0.0, metavar="SECONDS",
        help="how long programs have to end, at most, for a soft threshold (default: 0)",
    )  # fmt: skip


def _default_state_dir() -> Path:
    """The system's place for root, the user's own otherwise."""
    if os.geteuid() == 0:
        return SYSTEM_STATE_DIR
    state_home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(state_home) if state_home else Path.home() / ".local/state") / "setpoint/agent"
