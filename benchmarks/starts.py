"""How many pods a second one machine starts and reports: assigned to its agent at once, until all are told to run.

First the node alone: the real agent with its supervisor over real NATS, and a hub that only writes down what it hears.
Then the whole way, from the creation of a Deployment on, with a real control plane.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.clusters import cluster, pod_ready, sleeper, sleepers, until
from benchmarks.measuring import Figure, cpu_s, machine_busy_s, percentile, supervisors_below
from proto.bus.nats import NatsBus
from proto.node import Assignment, Assignments
from proto.objects.apps import Deployment
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.agent.cluster import ScriptedHub
from tests.waiting import eventually

PODS = 250
ROUNDS = 5
WITHIN_S = 120.0
MACHINE = "m1"


class Costs:
    """Processor time that programs spent while it was entered, for each of some pods."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._spent_s = dict.fromkeys((*pids, "the whole machine"), 0.0)
        self._pods = 0

    def __enter__(self) -> Self:
        self._before_s = self._read_s()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name, now_s in self._read_s().items():
            self._spent_s[name] += now_s - self._before_s[name]
        self._pods += PODS

    @property
    def words(self) -> str:
        """For a figure's note."""
        each = (f"{name} {1000 * spent_s / self._pods:.2f} ms" for name, spent_s in self._spent_s.items())
        return "CPU a pod: " + ", ".join(each)

    def _read_s(self) -> dict[str, float]:
        return {**{name: cpu_s(pid) for name, pid in self._pids.items()}, "the whole machine": machine_busy_s()}


async def measure() -> AsyncIterator[Figure]:
    """Both ways, some rounds each; who spent the processor time, in the notes."""
    rates, costs = await _on_the_node()
    note = f"{PODS} pods at once, median of {ROUNDS} rounds; {costs.words}"
    yield Figure("pods started and reported", percentile(rates, 0.5), "/s", 250, at_least=True, note=note)
    rates, costs = await _all_the_way()
    note = f"a Deployment of {PODS} pods on one node, median of {ROUNDS} rounds; {costs.words}"
    yield Figure("pods created, bound, started and Ready", percentile(rates, 0.5), "/s", note=note)


async def _on_the_node() -> tuple[list[float], Costs]:
    """Pods a second from their assignment to the last report, by round."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        shape = ClusterShape(Path(folder), (MACHINE,), control_planes=0, isolation="groups")
        async with LocalCluster(shape) as local:
            bus = await NatsBus.connect(local.url, name="bench")
            hub = ScriptedHub(bus, MACHINE)
            await hub.open()
            await eventually(lambda: hub.syncs, what="the agent has joined", within_s=WITHIN_S)
            costs = Costs(_programs(local))
            rates = [await _round(hub, number, costs) for number in range(ROUNDS)]
            await bus.close()
            return rates, costs


async def _round(hub: ScriptedHub, number: int, costs: Costs) -> float:
    """One crowd of pods comes and goes; how many a second came."""
    pods = [_named(f"{number}-{each}") for each in range(PODS)]
    with costs:
        started = time.perf_counter()
        hub.known = {pod.metadata.uid: Assignment(pod=pod) for pod in pods}
        everything = tuple(hub.known.values())
        await hub.send(Assignments(epoch=hub.epoch, pods=everything, digest=hub.digest))
        await eventually(lambda: _running(hub) == PODS, within_s=WITHIN_S, every_s=0.005, what="all run")
        rate = PODS / (time.perf_counter() - started)
    for pod in pods:
        await hub.delete(pod.metadata.uid, grace_s=1)
    await eventually(lambda: not hub.known, within_s=WITHIN_S, what="all are gone")
    hub.reports.clear()
    return rate


def _named(name: str) -> Pod:
    """A pod as the hub knows it."""
    return evolve(sleeper(name), **{"metadata.uid": f"u-{name}", "metadata.resource_version": "1"})


def _running(hub: ScriptedHub) -> int:
    return sum(report.status.phase == "Running" for report in hub.reports.values())


async def _all_the_way() -> tuple[list[float], Costs]:
    """Pods a second from the creation of a Deployment until all its pods are Ready, by round."""
    rates = []
    async with cluster(1, isolation="groups") as (local, client):
        costs = Costs({"control plane": local.control_planes[0].program.pid, **_programs(local)})
        for number in range(ROUNDS):
            with costs:
                started = time.perf_counter()
                await client.create(sleepers(f"crowd-{number}", PODS))
                await until(client, Pod, "default", lambda pods: sum(map(pod_ready, pods.values())) == PODS)
                rates.append(PODS / (time.perf_counter() - started))
            await client.delete(Deployment, f"crowd-{number}", "default")
            await until(client, Pod, "default", lambda pods: not pods)
    return rates, costs


def _programs(local: LocalCluster) -> dict[str, int]:
    """The pids of what a node and its bus consist of."""
    (supervisor,) = supervisors_below(local.shape.data_dir)
    return {
        "agent": local.agents[MACHINE].program.pid,
        "supervisor": supervisor,
        "NATS": local.nats_program.program.pid,
    }
