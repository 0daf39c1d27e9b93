"""Node-pressure eviction: when a node is short of something, what it says then, and which pod has to go. PURE.

    judge(state, thresholds, observed, now_s, …)    which conditions hold, what is to be reclaimed
    ranked(figures, signal)                         the pods, the first to go first
    eviction_message(…)                             what the pod's status says

Reads: observations of the machine, the pods and what they use. Returns values. Never: evicts.
Source: Kubernetes "Node-pressure Eviction", `pkg/kubelet/eviction/{eviction_manager,helpers}.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from node_agent.plan.levels import critical
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.pod_amounts import every_container, most_at_once
from proto.qos import MEMORY_PRESSURE_TAINT, told_class
from proto.quantity import format_bytes, whole

MEMORY_PRESSURE, DISK_PRESSURE, PID_PRESSURE = "MemoryPressure", "DiskPressure", "PIDPressure"
PRESSURES = (MEMORY_PRESSURE, DISK_PRESSURE, PID_PRESSURE)


class Signal(StrEnum):
    """What is watched, in the order in which shortages are dealt with."""

    MEMORY = "memory.available"
    DISK = "nodefs.available"
    INODES = "nodefs.inodesFree"
    PIDS = "pid.available"


CONDITIONS = {
    Signal.MEMORY: MEMORY_PRESSURE,
    Signal.DISK: DISK_PRESSURE,
    Signal.INODES: DISK_PRESSURE,
    Signal.PIDS: PID_PRESSURE,
}
RESOURCES = {Signal.MEMORY: "memory", Signal.DISK: "ephemeral-storage", Signal.INODES: "inodes", Signal.PIDS: "pids"}


@dataclass(frozen=True, slots=True)
class Observed:
    """How much there is of something, and how much of it is free: bytes, inodes or processes."""

    available: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Amount:
    """An absolute number, or a percentage of what the machine has."""

    number: int = 0
    percent: float = 0.0

    def of(self, capacity: int) -> int:
        """The number that is meant on a machine that has so much."""
        return self.number or int(capacity * self.percent / 100)


NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Threshold:
    """Fewer than `amount` of a signal is a shortage; `grace_s`: only when that has lasted (0: a hard threshold).

    `reclaim` is how far beyond the threshold a shortage is dealt with, once that has begun.
    """

    signal: Signal
    amount: Amount
    grace_s: float = 0.0
    reclaim: Amount = NOTHING

    @property
    def hard(self) -> bool:
        """Whether pods are ended without their grace."""
        return self.grace_s == 0

    def met(self, observed: Observed, *, reclaiming: bool = False) -> bool:
        """Whether there is too little; of what was short before, until enough is reclaimed."""
        wanted = self.amount.of(observed.capacity)
        return observed.available < wanted + (self.reclaim.of(observed.capacity) if reclaiming else 0)


@dataclass(frozen=True, slots=True)
class PressureState:
    """What is remembered from one look to the next, in monotonic seconds.

    `since_s`: since when a threshold is met; `starved`: those that were acted on; `last_s`: when a condition held last.
    """

    since_s: Mapping[Threshold, float] = field(default_factory=dict)
    starved: tuple[Threshold, ...] = ()
    last_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a look: the conditions that hold, and the thresholds to act on, the most urgent first."""

    state: PressureState
    conditions: frozenset[str] = frozenset()
    starved: tuple[Threshold, ...] = ()


def judge(
    state: PressureState,
    thresholds: Iterable[Threshold],
    observed: Mapping[Signal, Observed],
    now_s: float,
    transition_s: float,
) -> Judgement:
    """Compares what was observed with the thresholds.

    A condition holds at once when a threshold of it is met, whatever its grace, and goes only when none was met for
    `transition_s`, so that it does not come and go. What cannot be observed is not short.
    """
    known = [threshold for threshold in thresholds if threshold.signal in observed]
    met = [t for t in known if t.met(observed[t.signal], reclaiming=t in state.starved)]
    since_s = {threshold: state.since_s.get(threshold, now_s) for threshold in met}
    last_s = {**state.last_s, **{CONDITIONS[threshold.signal]: now_s for threshold in met}}
    holding = frozenset(name for name, at_s in last_s.items() if at_s == now_s or now_s - at_s < transition_s)
    order = list(Signal)
    ripe = [threshold for threshold in met if now_s - since_s[threshold] >= threshold.grace_s]
    starved = tuple(sorted(ripe, key=lambda threshold: (order.index(threshold.signal), not threshold.hard)))
    kept = {name: at_s for name, at_s in last_s.items() if name in holding}
    return Judgement(PressureState(since_s, starved, kept), holding, starved)


@dataclass(frozen=True, slots=True)
class Figures:
    """A pod that runs, and what it uses. By container: the working set, and what is its own on the disk."""

    pod: Pod
    memory_bytes: Mapping[str, int] = field(default_factory=dict)
    own_bytes: Mapping[str, int] = field(default_factory=dict)
    disk_bytes: int = 0
    inodes: int = 0
    pids: int = 0


def ranked(figures: Iterable[Figures], signal: Signal) -> list[Figures]:
    """The pods that may be evicted, the first to go first; critical ones never go.

    Those that use more than they asked for go first, of them those of lower priority, of them those that exceed their
    request by more. Processes and inodes are not asked for, so only priority and usage count there.
    """
    return sorted((each for each in figures if not critical(each.pod)), key=lambda each: _rank(each, signal))


def _rank(each: Figures, signal: Signal) -> tuple[object, ...]:
    usage, request = usage_of(each, signal), request_of(each.pod, signal)
    exceeds = usage > request if signal in (Signal.MEMORY, Signal.DISK) else True
    name = (each.pod.metadata.namespace, each.pod.metadata.name)
    return (not exceeds, each.pod.spec.priority or 0, request - usage, name)


def usage_of(each: Figures, signal: Signal) -> int:
    """What a pod uses of what is short."""
    match signal:
        case Signal.MEMORY:
            return sum(each.memory_bytes.values())
        case Signal.DISK:
            return each.disk_bytes
        case Signal.INODES:
            return each.inodes
        case Signal.PIDS:
            return each.pids


def request_of(pod: Pod, signal: Signal) -> int:
    """What a pod asks for of what is short, at most at any one time (Kubernetes: PodRequests)."""
    if signal not in (Signal.MEMORY, Signal.DISK):
        return 0
    name = RESOURCES[signal]
    return most_at_once(pod.spec, lambda container: {name: _asked(container, name)})[name]


def _asked(container: Container, resource: str) -> int:
    """What a container asks for; its limit if it asks for none by itself."""
    resources = container.resources
    return whole(resources.requests.get(resource, resources.limits.get(resource, "0")))


def eviction_message(each: Figures, threshold: Threshold, observed: Observed) -> str:
    """Why the pod was evicted, in the kubelet's words."""
    resource = RESOURCES[threshold.signal]
    shown = _shown(threshold.signal, threshold.amount.of(observed.capacity))
    words = [
        f"The node was low on resource: {resource}. ",
        f"Threshold quantity: {shown}, available: {_shown(threshold.signal, observed.available)}. ",
    ]
    by_container = {Signal.MEMORY: each.memory_bytes, Signal.DISK: each.own_bytes}.get(threshold.signal, {})
    for container in every_container(each.pod.spec):
        used = by_container.get(container.name, 0)
        if used > _asked(container, resource):
            words.append(
                f"Container {container.name} was using {_shown(threshold.signal, used)}, request is "
                f"{container.resources.requests.get(resource, '0')}, has larger consumption of {resource}. "
            )
    return "".join(words)


def pressure_message(conditions: Sequence[str]) -> str:
    """Why a pod was not taken in the first place."""
    return f"The node had condition: [{', '.join(conditions)}]. "


def refused(pod: Pod, conditions: frozenset[str]) -> str:
    """Why a pod that comes now is not taken; "" if it is.

    Critical pods always are; under memory pressure alone, so are pods that ask for something (Kubernetes:
    eviction manager, Admit).
    """
    if not conditions or critical(pod):
        return ""
    if conditions == {MEMORY_PRESSURE} and (_asks(pod) or _tolerates_memory_pressure(pod)):
        return ""
    return pressure_message([name for name in PRESSURES if name in conditions])


def _asks(pod: Pod) -> bool:
    return told_class(pod.spec, pod.status) != "BestEffort"


def _tolerates_memory_pressure(pod: Pod) -> bool:
    """A toleration of every taint counts, too."""
    for toleration in pod.spec.tolerations:
        named = toleration.key == MEMORY_PRESSURE_TAINT or (not toleration.key and toleration.operator == "Exists")
        if named and toleration.effect in ("", "NoSchedule"):
            return True
    return False


def _shown(signal: Signal, count: int) -> str:
    """Bytes in `Ki`, as the kubelet shows them; inodes and processes as they are."""
    if signal in (Signal.INODES, Signal.PIDS):
        return str(count)
    return f"{count // 1024}Ki" if count % (1024 * 1024) else format_bytes(count)
