"""What the programs themselves cost: memory and idle CPU of each, with ten machines and some pods at rest.

Memory is RSS, as `ps` shows it; see `measuring.node_memory_bytes` for what is counted of a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, pod_ready, sleepers, until
from benchmarks.measuring import Figure, cpu_s, node_memory_bytes, supervisors_below
from proto.objects.pod import Pod

MACHINES = 10
PODS = 20
SETTLE_S = 10.0
OBSERVE_S = 30.0
MIB = 2**20


async def measure() -> AsyncIterator[Figure]:
    """Ten machines, two pods each, nothing happening."""
    async with cluster(MACHINES) as (local, client):
        await client.create(sleepers("rest", PODS))
        await until(client, Pod, "default", lambda pods: sum(map(pod_ready, pods.values())) == PODS)
        await asyncio.sleep(SETTLE_S)
        control_plane = [local.control_planes[0].program.pid]
        agents = [kept.program.pid for kept in local.agents.values()]
        supervisors = supervisors_below(local.shape.data_dir)
        groups = {"control plane": control_plane, "agent": agents, "supervisor": supervisors,
                  "NATS server": [local.nats_program.program.pid]}  # fmt: skip
        before = {name: sum(map(cpu_s, pids)) for name, pids in groups.items()}
        await asyncio.sleep(OBSERVE_S)
        share = {name: 100 * (sum(map(cpu_s, pids)) - before[name]) / OBSERVE_S for name, pids in groups.items()}
        memory = {name: node_memory_bytes(pids) / MIB for name, pids in groups.items()}
        note = f"{MACHINES} nodes, {PODS} pods, idle for {OBSERVE_S:g} s"
        yield Figure("control plane memory", memory["control plane"], "MB", 120, note=note)
        yield Figure("control plane idle CPU", share["control plane"], "% of a core", 2, note=note)
        agent_memory = (memory["agent"] + memory["supervisor"]) / MACHINES
        agent_share = (share["agent"] + share["supervisor"]) / MACHINES
        yield Figure("agent with its supervisor, memory", agent_memory, "MB", 60, note=note)
        yield Figure("of that, the supervisor", memory["supervisor"] / MACHINES, "MB", note=note)
        yield Figure("agent with its supervisor, idle CPU", agent_share, "% of a core", 1, note=note)
        yield Figure("NATS server memory", memory["NATS server"], "MB", note=note)
        yield Figure("NATS server idle CPU", share["NATS server"], "% of a core", note=note)
