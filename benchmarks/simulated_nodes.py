"""Many nodes in one process: real agents that speak the real protocol over real NATS; only the processes are fake.

`python -m benchmarks.simulated_nodes --nats URL --count N --first K` runs until it is told to end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys

import uvloop

from node_agent.machine.port import MemoryMachine
from node_agent.program import NodeAgent
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import RuntimeSettings
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from proto.bus.nats import NatsBus
from proto.clock import SystemClock
from proto.ids import RandomIds

AGENTS_PER_CONNECTION = 250
START_AT_ONCE = 50
CPU_MILLIS = 64_000
MEMORY_BYTES = 256 * 2**30


async def run(url: str, first: int, count: int) -> None:
    """Start the agents, say so, and wait for SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    buses = [
        await NatsBus.connect(url, name=f"simulated-nodes-{first}-{number}")
        for number in range(-(-count // AGENTS_PER_CONNECTION))
    ]
    turns = asyncio.Semaphore(START_AT_ONCE)

    async def join(number: int) -> NodeAgent:
        async with turns:
            agent = simulated_agent(buses[number // AGENTS_PER_CONNECTION], f"sim-{first + number}")
            await agent.start()
            await agent.joined()
            return agent

    agents = await asyncio.gather(*map(join, range(count)))
    gc.freeze()
    print(f"ready {len(agents)}", flush=True)
    await ended.wait()


def simulated_agent(bus: NatsBus, name: str) -> NodeAgent:
    """An agent on a large made-up machine."""
    storage = MemoryStorage(f"/{name}")
    return NodeAgent(
        bus,
        FakeRuntime(RuntimeSettings(name, storage.log_path("", "", 0))),
        SystemClock(),
        RandomIds(),
        AgentSettings(node=name),
        machine=MemoryMachine(hostname=name, cpu_millis=CPU_MILLIS, memory_bytes=MEMORY_BYTES),
        storage=storage,
    )


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(options.nats, options.first, options.count))


if __name__ == "__main__":
    main()
