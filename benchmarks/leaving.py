"""How long work is gone when a machine leaves politely: from SIGTERM of its agent to all replicas Ready elsewhere."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator

from benchmarks.clusters import cluster, node_ready, pod_ready, sleepers, until
from benchmarks.measuring import Figure, percentile
from proto.objects.core import Node
from proto.objects.pod import Pod

ROUNDS = 10
REPLICAS = 10
MACHINES = 3
LEAVE_S_MAX = 30.0


async def measure() -> AsyncIterator[Figure]:
    """Ten rounds, each on the machine that has most pods."""
    times_s: list[float] = []
    async with cluster(MACHINES, agent_arguments=("--drain-on-exit", f"{LEAVE_S_MAX:g}")) as (local, client):
        await client.create(sleepers("web", REPLICAS))
        for _ in range(ROUNDS):
            pods = await until(client, Pod, "default", _all_ready)
            places = [pod.spec.node_name for pod in pods.values()]
            agent = local.agents[leaver := max(local.machines, key=places.count)]
            started = time.perf_counter()
            await agent.forsake()
            agent.program.signal(signal.SIGTERM)
            await until(client, Pod, "default", lambda pods, gone=leaver: _all_ready_elsewhere(pods, gone))
            times_s.append(time.perf_counter() - started)
            await agent.program.wait()
            await agent.start()
            await until(client, Node, "", lambda nodes: all(_serves(node) for node in nodes.values()))
        for agent in local.agents.values():  # At the end nobody is left to hand anything over to.
            await agent.forsake()
            agent.program.signal(signal.SIGINT)
    note = f"{ROUNDS} rounds, {REPLICAS} replicas, {MACHINES} machines"
    yield Figure("polite leave of a machine to replacements Ready, p50", percentile(times_s, 0.5), "s", note=note)
    yield Figure("polite leave of a machine to replacements Ready, max", max(times_s), "s", 1.0, note=note)


def _all_ready(pods: dict[str, Pod]) -> bool:
    return len(pods) == sum(map(pod_ready, pods.values())) == REPLICAS


def _all_ready_elsewhere(pods: dict[str, Pod], node: str) -> bool:
    return sum(pod_ready(pod) and pod.spec.node_name != node for pod in pods.values()) == REPLICAS


def _serves(node: Node) -> bool:
    return node_ready(node) and not node.spec.unschedulable
