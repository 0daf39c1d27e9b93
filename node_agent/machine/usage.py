"""What the machine and its pods use: sampled slowly, told with the heartbeats.

Reads: the machine (psutil), the runtime's figures. A pod's processor use is the growth of its containers' processor
time between two samples.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from node_agent.machine.port import Machine
from node_agent.plan.container_ids import parse_container_id
from node_agent.runtime.port import Runtime, RuntimeFailure, Usage
from node_agent.settings import AgentSettings
from proto.clock import Clock
from proto.objects.core import NodeUsage
from proto.objects.pod_status import ContainerUsage
from proto.quantity import format_cpu

log = logging.getLogger(__name__)


PASSED_S_MIN = 0.1
"""Over less time no use of the processor can be told."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses: processors as a rate, and the runtime's figures as they are."""

    cpu_millis: int
    figures: Usage


class UsageSampler:
    """The latest samples."""

    def __init__(self, machine: Machine, runtime: Runtime, clock: Clock, settings: AgentSettings) -> None:
        self._machine = machine
        self._runtime = runtime
        self._clock = clock
        self._settings = settings
        self._cpu_ns: dict[str, int] = {}
        self._sampled_s = clock.monotonic_s()
        self._pods: dict[str, ContainerUsage] = {}
        self._node = NodeUsage()

    def node(self, pods: int) -> NodeUsage:
        """What the machine used in the last sample, and how many pods it holds now."""
        return self._node.model_copy(update={"pods": pods})

    def take_pods(self) -> dict[str, ContainerUsage]:
        """What each pod used, by uid: once for every sample, {} until the next."""
        pods, self._pods = self._pods, {}
        return pods

    async def containers(self) -> dict[str, Use]:
        """What each container uses now, by its id: its processor time is that since the last sample.

        Raises:
            RuntimeFailure: the runtime cannot tell now.
        """
        stats = await self._runtime.stats()
        passed_s = max(self._clock.monotonic_s() - self._sampled_s, PASSED_S_MIN)
        return {
            container_id: Use(
                cpu_millis=round(max((usage.cpu_ns or 0) - self._cpu_ns.get(container_id, 0), 0) / 1e6 / passed_s),
                figures=usage,
            )
            for container_id, usage in stats.items()
        }

    async def run(self) -> None:
        """Sample until cancelled."""
        next_pods_s = self._clock.monotonic_s()
        while True:
            usage = self._machine.usage()
            self._node = NodeUsage(cpu=format_cpu(usage.cpu_millis), memory=_kibibytes(usage.memory_bytes))
            if self._clock.monotonic_s() >= next_pods_s:
                next_pods_s = self._clock.monotonic_s() + self._settings.pod_usage_every_s
                await self._sample_pods()
            await self._clock.sleep(self._settings.usage_every_s)

    async def _sample_pods(self) -> None:
        try:
            stats = await self._runtime.stats()
        except RuntimeFailure as problem:
            log.info("no_usage problem=%s", problem)
            return
        now_s = self._clock.monotonic_s()
        self._pods = pod_usage(stats, self._cpu_ns, now_s - self._sampled_s)
        self._cpu_ns = {container_id: usage.cpu_ns or 0 for container_id, usage in stats.items()}
        self._sampled_s = now_s


def pod_usage(
    stats: Mapping[str, Usage], before_cpu_ns: Mapping[str, int], passed_s: float
) -> dict[str, ContainerUsage]:
    """The sums over each pod's containers. A container that is new has no processor figure yet."""
    millis: dict[str, int] = {}
    memory: dict[str, int] = {}
    for container_id, usage in stats.items():
        key = parse_container_id(container_id)
        if key is None:
            continue
        grown_ns = max((usage.cpu_ns or 0) - before_cpu_ns.get(container_id, usage.cpu_ns or 0), 0)
        rate = round(grown_ns / 1e6 / passed_s) if passed_s > 0 else 0
        millis[key.pod_uid] = millis.get(key.pod_uid, 0) + rate
        memory[key.pod_uid] = memory.get(key.pod_uid, 0) + (usage.memory_bytes or 0)
    return {uid: ContainerUsage(cpu=format_cpu(millis[uid]), memory=_kibibytes(memory[uid])) for uid in millis}


def _kibibytes(count: int) -> str:
    return f"{count // 1024}Ki"
