"""Watches what the machine is short of, says so to the hub, and takes pods away until there is enough again.

A look takes a millisecond while nothing is short. When something is, what is free to take goes first (for a full disk:
leftovers, and what ended pods and earlier lives of containers left), then one pod a look, by `plan.eviction`'s rank.

Reads: the machine, the runtime's figures, the sizes of pods' directories. Writes: evictions, to the pods.
Never: decides who goes; evicts while a pod that was evicted still runs.
Source: Kubernetes `pkg/kubelet/eviction/eviction_manager.go`, synchronize.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from node_agent.machine.port import Machine
from node_agent.plan.container_ids import parse_container_id
from node_agent.plan.eviction import (
    DISK_PRESSURE,
    MEMORY_PRESSURE,
    PID_PRESSURE,
    Figures,
    Judgement,
    Observed,
    PressureState,
    Signal,
    Threshold,
    eviction_message,
    judge,
    ranked,
    refused,
)
from node_agent.plan.status import EVICTED
from node_agent.plan.view import Eviction
from node_agent.pods.pods import Pods
from node_agent.pressure.cleanup import Cleanup
from node_agent.runtime.port import Runtime, RuntimeFailure, Usage
from node_agent.settings import AgentSettings
from node_agent.storage.port import PodSpace, Storage
from proto.clock import Clock, Instant
from proto.objects.meta import Condition
from proto.objects.pod import Pod
from proto.phases import ENDED

log = logging.getLogger(__name__)

NEWS_S = 10.0
TOLD_EVERY = 20

_WORDS = {
    MEMORY_PRESSURE: (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    DISK_PRESSURE: (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    PID_PRESSURE: (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}
"""Reason and message of each condition, while it does not hold and while it does."""

_DISK = (Signal.DISK, Signal.INODES)


def pressure_conditions(held: Iterable[str], since: Mapping[str, Instant]) -> tuple[Condition, ...]:
    """The node's conditions; `since` tells when each came or went."""
    holding = frozenset(held)
    return tuple(
        Condition(
            type=name,
            status="True" if name in holding else "False",
            reason=words[name in holding][0],
            message=words[name in holding][1],
            last_transition_time=since[name],
        )
        for name, words in _WORDS.items()
    )


class Pressure:
    """What is short now, and what is done about it."""

    def __init__(
        self,
        machine: Machine,
        runtime: Runtime,
        storage: Storage,
        pods: Pods,
        cleanup: Cleanup,
        clock: Clock,
        settings: AgentSettings,
    ) -> None:
        self._machine = machine
        self._runtime = runtime
        self._storage = storage
        self._pods = pods
        self._cleanup = cleanup
        self._clock = clock
        self._settings = settings
        self._state = PressureState()
        self._held: frozenset[str] = frozenset()
        self._since = dict.fromkeys(_WORDS, clock.now())
        self._changed_s = clock.monotonic_s()

    def conditions(self, heartbeat: int) -> tuple[Condition, ...]:
        """What a heartbeat says of the node: all conditions while they are news, and now and then; else nothing.

        A hub that is new hears them within `TOLD_EVERY` heartbeats.
        """
        if heartbeat % TOLD_EVERY and self._clock.monotonic_s() - self._changed_s > NEWS_S:
            return ()
        return pressure_conditions(self._held, self._since)

    def refusal(self, pod: Pod) -> str:
        """Why a pod that comes now is not taken; "" if it is."""
        return refused(pod, self._held)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(self._settings.pressure_every_s)

    async def look(self) -> None:
        """One look, and what follows from it."""
        judgement, observed = self._judge()
        self._note(judgement.conditions)
        if not judgement.starved:
            return
        worst = judgement.starved[0]
        if worst.signal in _DISK and await self._reclaimed(worst):
            return
        await self._evict(worst, observed[worst.signal])

    def _judge(self) -> tuple[Judgement, Mapping[Signal, Observed]]:
        settings, observed = self._settings, self._machine.observe()
        judgement = judge(
            self._state, settings.thresholds, observed, self._clock.monotonic_s(), settings.pressure_transition_s
        )
        self._state = judgement.state
        return judgement, observed

    def _note(self, held: frozenset[str]) -> None:
        for name in held ^ self._held:
            log.warning("pressure condition=%s held=%s", name, name in held)
            self._since[name] = self._clock.now()
        if held != self._held:
            self._held, self._changed_s = held, self._clock.monotonic_s()
            self._pods.tidy(wanted=DISK_PRESSURE in held)

    async def _reclaimed(self, worst: Threshold) -> bool:
        """Remove what nobody needs; whether that was enough."""
        await self._cleanup.sweep()
        for pod in self._pods.that(lambda pod: pod.status.phase in ENDED):
            await self._storage.empty_pod(pod.metadata.uid)
        judgement, _ = self._judge()
        return worst not in judgement.starved

    async def _evict(self, worst: Threshold, observed: Observed) -> None:
        """Take away the pod that goes first, unless one is on its way already."""
        running = self._pods.that(lambda pod: pod.status.phase not in ENDED)
        if any(pod.status.reason == EVICTED for pod in running):
            return
        staying = tuple(pod for pod in running if not pod.deleting)
        candidates = ranked(await self._figures(staying, worst.signal), worst.signal)
        if not candidates:
            log.warning("nothing_to_evict signal=%s available=%d", worst.signal, observed.available)
            return
        victim = candidates[0]
        message = eviction_message(victim, worst, observed)
        log.warning("evicting pod=%s/%s signal=%s", *victim.pod.key, worst.signal)
        grace_s = 0.0 if worst.hard else self._settings.eviction_grace_s
        self._pods.evict(victim.pod.metadata.uid, Eviction(message, grace_s))

    async def _figures(self, pods: tuple[Pod, ...], signal: Signal) -> list[Figures]:
        """What each pod uses; directories are counted only when it is the disk that is full."""
        try:
            usage = await self._runtime.stats()
        except RuntimeFailure as problem:
            log.info("no_figures problem=%s", problem)
            usage = {}
        uids = [pod.metadata.uid for pod in pods]
        spaces = (
            await asyncio.gather(*map(self._storage.space_of, uids)) if signal in _DISK else [PodSpace()] * len(uids)
        )
        return [figures_of(pod, usage, space) for pod, space in zip(pods, spaces, strict=True)]


def figures_of(pod: Pod, usage: Mapping[str, Usage], space: PodSpace) -> Figures:
    """What a pod uses, from the usage of all containers by their ids."""
    keys = ((parse_container_id(container_id), used) for container_id, used in usage.items())
    own = {key.container: used for key, used in keys if key is not None and key.pod_uid == pod.metadata.uid}
    return Figures(
        pod=pod,
        memory_bytes={name: used.memory_bytes or 0 for name, used in own.items()},
        own_bytes=_of_containers(pod, space),
        disk_bytes=space.total.bytes,
        inodes=space.total.inodes,
        pids=sum(used.pids or 0 for used in own.values()),
    )


def _of_containers(pod: Pod, space: PodSpace) -> Mapping[str, int]:
    """What each container takes of the disk: its output, and the pod's working directory if it is alone with that."""
    written = {name: output.bytes for name, output in space.logs.items()}
    if len(pod.spec.containers) == 1 and not pod.spec.init_containers:
        (alone,) = pod.spec.containers
        written[alone.name] = written.get(alone.name, 0) + space.files.bytes
    return written
