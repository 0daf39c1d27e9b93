"""The node agent as a program: `python -m node_agent --nats URL --name NODE`.

It begins to take care of its pods before it reaches the hub, prints `ready` when the hub has given it its name, and
ends on SIGTERM or SIGINT without touching the workloads; with `--drain-on-exit`, SIGTERM has them handed over first. A
name that is refused, or a state directory that is in use, is one line on stderr and exit status 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys

from node_agent.arguments import Arguments, BadArgument, read_arguments
from node_agent.machine.host import HostMachine, address_towards
from node_agent.machine.port import Machine
from node_agent.machine.reserved import Reserved
from node_agent.membership.late_bus import LateBus
from node_agent.membership.registration import NameRefused
from node_agent.plan.security import Account
from node_agent.program import NodeAgent
from node_agent.runtime.port import RuntimeFailure, RuntimeSettings
from node_agent.runtime.registry import UnusableRuntime, build_runtime
from node_agent.settings import AgentSettings
from node_agent.storage.disk import DiskStorage
from node_agent.storage.port import StorageFailure
from proto.bus.nats import NatsBus
from proto.bus.port import BusError
from proto.cancelling import cancelled
from proto.clock import SystemClock
from proto.ids import RandomIds

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""What workloads get of the agent's own environment; Kubernetes gets it from the image."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    """Run the agent; the program's exit status."""
    try:
        arguments = read_arguments()
        logging.basicConfig(
            level=arguments.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
        )
        asyncio.run(serve(arguments))
    except (BadArgument, UnusableRuntime, StorageFailure, RuntimeFailure, NameRefused, BusError) as problem:
        print(f"setpoint-node-agent: {problem}", file=sys.stderr)
        return 1
    return 0


async def serve(arguments: Arguments) -> None:
    """Be the node's agent until a signal comes.

    Raises:
        StorageFailure | RuntimeFailure | NameRefused | BusError: it cannot be; the message says why.
    """
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    bus = LateBus()
    agent = build_agent(bus, arguments)
    connecting = asyncio.create_task(_connect(bus, arguments), name="connect")
    working = asyncio.create_task(_work(agent, arguments.name), name="work")
    stopping = asyncio.create_task(_until_stopped(agent, arguments, signals), name="stop")
    try:
        await _first_of(connecting, working, stopping)
    finally:
        await cancelled((connecting, working, stopping))
        await agent.stop()
        await bus.close()


async def _until_stopped(agent: NodeAgent, arguments: Arguments, signals: asyncio.Queue[signal.Signals]) -> None:
    """Wait for a signal, and if it asks for that, until the pods are handed over or a second one comes."""
    if await signals.get() is not signal.SIGTERM or not arguments.drain_s:
        return
    print(f"leaving node={arguments.name} within_s={arguments.drain_s:g}", flush=True)
    leaving = asyncio.create_task(agent.leave(arguments.drain_s), name="leave")
    impatient = asyncio.create_task(signals.get(), name="second signal")
    try:
        await _first_of(leaving, impatient)
    finally:
        await cancelled((leaving, impatient))
    if leaving.cancelled():
        print("left behind: asked not to wait; the pods go on here", file=sys.stderr, flush=True)
        return
    for pod in leaving.result():
        print(f"left behind: pod {'/'.join(pod.key)} goes on here", file=sys.stderr, flush=True)


def build_agent(bus: LateBus, arguments: Arguments) -> NodeAgent:
    """The agent of this machine.

    Raises:
        UnusableRuntime: no such driver is installed.
        BadArgument: more is reserved than the machine has.
    """
    machine = HostMachine(arguments.state_dir)
    check_reserved(arguments.reserved, machine)
    return NodeAgent(
        bus,
        build_runtime(arguments.runtime, RuntimeSettings(arguments.name, arguments.state_dir.absolute())),
        SystemClock(),
        RandomIds(),
        AgentSettings(
            node=arguments.name,
            address=arguments.address or address_towards(*arguments.hub),
            labels=arguments.labels,
            base_env={"PATH": DEFAULT_PATH} | {name: os.environ[name] for name in INHERITED if name in os.environ},
            pods_max=arguments.pods_max,
            reserved=arguments.reserved,
            thresholds=arguments.thresholds,
            pids_limit=arguments.pids_limit,
            pressure_transition_s=arguments.pressure_transition_s,
            eviction_grace_s=arguments.eviction_grace_s,
            enforce_allocatable=arguments.enforce_allocatable,
            refuse_unkept_limits=arguments.refuse_unkept_limits,
            crash_loop_max_s=arguments.crash_loop_max_s,
            log_bytes_max=arguments.log_bytes_max,
            log_files_max=arguments.log_files_max,
            account=Account(
                os.geteuid(), os.getegid(), frozenset(os.getgroups()), views=os.geteuid() == 0 or _views_are_possible()
            ),
        ),
        machine=machine,
        storage=DiskStorage(arguments.state_dir),
    )


def _views_are_possible() -> bool:
    from node_agent.supervisor.mounts import views_are_possible  # Its memory is for agents that are not root's.

    return views_are_possible()


def check_reserved(reserved: Reserved, machine: Machine) -> None:
    """More than the machine has, beside its pools of huge pages, cannot be kept back.

    Raises:
        BadArgument: it is; in the kubelet's words.
    """
    for resource, capacity, amount in (
        ("cpu", machine.cpu_millis, reserved.cpu_millis),
        ("memory", machine.memory_bytes - sum(machine.huge_pages.values()), reserved.memory_bytes),
        ("ephemeral-storage", machine.storage_bytes, reserved.storage_bytes),
        ("pid", machine.pids_max or reserved.pids, reserved.pids),
    ):
        if amount > capacity:
            unit = "m" if resource == "cpu" else ""
            raise BadArgument(
                f'resource "{resource}" has a reservation of {amount}{unit} but capacity of {capacity}{unit}: '
                "expected capacity >= reservation"
            )


async def _connect(bus: LateBus, arguments: Arguments) -> None:
    """Attach a connection to the bus, however long the server is away.

    Raises:
        BusError: the server's address cannot be used at all.
    """
    name = f"node-agent {arguments.name}"
    await bus.attach(await NatsBus.connect(arguments.nats, name=name, within_s=float("inf")))
    await asyncio.Event().wait()


async def _work(agent: NodeAgent, name: str) -> None:
    """Start, say so when the hub has agreed, and go on until something fails."""
    await agent.start()
    await agent.joined()
    gc.collect()
    gc.freeze()
    print(f"ready node={name} incarnation={agent.incarnation}", flush=True)
    await agent.run()


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    """Wait for the first task that ends, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
