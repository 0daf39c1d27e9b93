"""What may break, and how it is mended: a table.

A fault befalls its victims at a time, lasts, and is mended. Victims that are afflicted already are left alone, so that
every mending finds what its breaking left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from proto.ids import Ids
from tests.sim.cluster import Cluster
from tests.sim.control_plane import SimControlPlane
from tests.sim.hub import Hub
from tests.sim.machine import SimMachine

Victim = SimMachine | SimControlPlane | Hub


@dataclass(frozen=True)
class FaultKind:
    """`victims(cluster, n)` chooses by the number n; while it lasts no longer than
    `harmless_s`, no pod may end because of it."""

    name: str
    victims: Callable[[Cluster, int], Sequence[Victim]]
    begin: Callable[[Any], object]
    mend: Callable[[Any], object]
    harmless_s: float = float("inf")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at `at_s` for `lasts_s`; some wait in `ambush_s` of the next thing that people do."""

    kind: FaultKind
    at_s: float
    lasts_s: float
    number: int
    ambush_s: float = 0.0

    @property
    def ambushes(self) -> bool:
        """Whether it waits for people to do something."""
        return self.ambush_s > 0

    @property
    def harms_pods(self) -> bool:
        """Whether pods on its victims may end because of it."""
        return self.lasts_s > self.kind.harmless_s


def _machine(cluster: Cluster, number: int) -> Sequence[Victim]:
    return [cluster.machines[number % len(cluster.machines)]]


def _control_plane(cluster: Cluster, number: int) -> Sequence[Victim]:
    return [cluster.control_planes[number % len(cluster.control_planes)]]


def _leader(cluster: Cluster, number: int) -> Sequence[Victim]:
    return [found for found in cluster.control_planes if found.leading][:1]


def _hub(cluster: Cluster, number: int) -> Sequence[Victim]:
    return [cluster.hub]


def _everyone(cluster: Cluster, number: int) -> Sequence[Victim]:
    return [cluster.hub, *cluster.machines, *cluster.control_planes]


def _nothing(victim: Any) -> None:
    """Such a fault mends itself."""


def _doom(victim: SimControlPlane, number: int) -> None:
    victim.die_at_write(number)


def _revive(victim: SimControlPlane) -> None:
    """What waited for its last write in vain lives on."""
    victim.spare()
    victim.ensure()


def _disconnect(victim: Any) -> None:
    victim.disconnect()


def _reconnect(victim: Any) -> None:
    victim.reconnect()


KINDS: tuple[FaultKind, ...] = (
    FaultKind("agent crash", _machine, SimMachine.kill_agent, SimMachine.ensure_agent, harmless_s=1.0),
    FaultKind("power loss", _machine, SimMachine.lose_power, SimMachine.regain_power, harmless_s=0.0),
    FaultKind("partition", _machine, SimMachine.cut_link, SimMachine.mend_link, harmless_s=1.0),
    FaultKind("freeze", _machine, SimMachine.freeze, SimMachine.thaw, harmless_s=1.0),
    FaultKind("workload kill", _machine, SimMachine.kill_processes, _nothing, harmless_s=0.0),
    FaultKind("poor link", _machine, SimMachine.worsen_link, SimMachine.better_link, harmless_s=0.0),
    FaultKind("control plane crash", _control_plane, SimControlPlane.kill, SimControlPlane.ensure),
    FaultKind("leader crash", _leader, SimControlPlane.kill, SimControlPlane.ensure),
    FaultKind("leader freeze", _leader, SimControlPlane.freeze, SimControlPlane.thaw),
    FaultKind("leader without store", _leader, SimControlPlane.lose_store, SimControlPlane.regain_store),
    FaultKind("control plane partition", _control_plane, SimControlPlane.cut_off, SimControlPlane.join_again),
    FaultKind("lost acknowledgements", _control_plane, SimControlPlane.lose_acks, _nothing),
    FaultKind("slow feed", _control_plane, SimControlPlane.slow_feed, SimControlPlane.speed_up_feed),
    FaultKind("store outage", _hub, Hub.stop_writes, Hub.resume_writes),
    FaultKind("hub restart", _everyone, _disconnect, _reconnect),
)

DEADLY_WRITES = (0, 1, 2, 3, 5, 8, 13, 20, 31, 48)
"""At which write of its a leader is killed, after half as many: even before the store has it, odd after that."""

EVEN_WORSE: tuple[FaultKind, ...] = (
    *(FaultKind(f"leader dies at write {n}", _leader, partial(_doom, number=n), _revive) for n in DEADLY_WRITES),
    FaultKind("stale mirror", _control_plane, SimControlPlane.fall_behind, SimControlPlane.speed_up_feed),
    FaultKind("stale leader", _leader, SimControlPlane.fall_behind, SimControlPlane.speed_up_feed),
    FaultKind("two leaders", _leader, SimControlPlane.lose_key, SimControlPlane.regain_key),
    FaultKind("agent hangs", _machine, SimMachine.hang_agent, SimMachine.wake_agent, harmless_s=1.0),
    FaultKind("messages arrive twice", _machine, SimMachine.stutter, SimMachine.speak_clearly),
)

ALL: tuple[FaultKind, ...] = KINDS + EVEN_WORSE
"""Every fault."""

HARMLESS: tuple[FaultKind, ...] = tuple(kind for kind in KINDS if kind.harmless_s == float("inf"))

AMBUSH_S = 0.15
"""Half of the faults strike within this time after somebody did something: the wake of it takes about so long."""

LASTS_S = (0.2, 1.0, 2.5, 5.0, 12.0, 25.0)


def draw(ids: Ids, count: int, within_s: float, kinds: Sequence[FaultKind] = KINDS) -> list[Fault]:
    """`count` faults of the next `within_s` seconds, in the order of their time."""
    faults = [
        Fault(
            kind=kinds[int(ids.uniform(0, len(kinds)))],
            at_s=ids.uniform(0, within_s),
            lasts_s=LASTS_S[int(ids.uniform(0, len(LASTS_S)))],
            number=int(ids.uniform(0, 1000)),
            ambush_s=max(0.0, ids.uniform(-AMBUSH_S, AMBUSH_S)),
        )
        for _ in range(count)
    ]
    return sorted(faults, key=lambda fault: fault.at_s)
