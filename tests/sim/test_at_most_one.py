"""Of what must be one there is never a second process, whatever breaks; and when all is mended there is one again."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from proto.ids import RandomIds, hash64
from proto.objects.container import Container
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import PodSpec, PodTemplateSpec
from proto.objects.stateful_set import StatefulSet, StatefulSetSpec
from tests.sim.cluster import Cluster
from tests.sim.courses import with_a_cluster
from tests.sim.faults import KINDS, FaultKind
from tests.sim.invariants import is_ready
from tests.sim.machine import SimMachine
from tests.waiting import eventually

SEEDS = range(6)
REPLICAS = 3
FAULTS = 12
LASTS_S = (1.0, 5.0, 14.0, 18.0, 25.0, 45.0)
LOOK_S = 0.02


# A machine that is frozen as a whole keeps its processes, which do nothing, until a moment after it is thawed: whoever
# looks from outside sees two. See docs/partitions.md.
BREAKING = (
    *(kind for kind in KINDS if kind.name != "freeze"),
    FaultKind(
        "agent hangs",
        lambda cluster, n: [cluster.machines[n % len(cluster.machines)]],
        SimMachine.hang_agent,
        SimMachine.wake_agent,
    ),
)


def doubles(cluster: Cluster) -> list[str]:
    """Names of members of which there is more than one process on machines that have power."""
    names = {pod.metadata.uid: pod.metadata.name for pod in cluster.audit.past_pods.values()}
    names |= {pod.metadata.uid: pod.metadata.name for pod in cluster.audit.pods()}
    running = Counter(
        names.get(container.partition(".")[0], "") for machine in cluster.machines for container in machine.processes()
    )
    return [name for name, count in running.items() if name.startswith("db-") and count > 1]


async def watch(cluster: Cluster, found: list[str]) -> None:
    """Look all the time."""
    while True:
        found += [f"{asyncio.get_running_loop().time():.2f} s: {name}" for name in doubles(cluster)]
        await asyncio.sleep(LOOK_S)


def ready(cluster: Cluster) -> bool:
    """Whether each member is there and ready."""
    members = [pod for pod in cluster.audit.pods() if pod.metadata.name.startswith("db-")]
    return len(members) == REPLICAS and all(is_ready(pod) for pod in members)


async def break_things(cluster: Cluster, ids: RandomIds) -> None:
    """One fault after the other, often two at a time; each victim is whole before it is broken again."""
    afflicted: set[str] = set()

    async def befall(kind: FaultKind, number: int, lasts_s: float) -> None:
        victims = [victim for victim in kind.victims(cluster, number) if victim.name not in afflicted]
        afflicted.update(victim.name for victim in victims)
        for victim in victims:
            kind.begin(victim)
        await asyncio.sleep(lasts_s)
        for victim in victims:
            kind.mend(victim)
            afflicted.discard(victim.name)

    under_way = []
    for _ in range(FAULTS):
        kind = BREAKING[int(ids.uniform(0, len(BREAKING)))]
        lasts_s = LASTS_S[int(ids.uniform(0, len(LASTS_S)))]
        under_way.append(asyncio.ensure_future(befall(kind, int(ids.uniform(0, 100)), lasts_s)))
        await asyncio.sleep(ids.uniform(0.5, 15))
    await asyncio.gather(*under_way)


def members() -> StatefulSet:
    labels = {"app": "db"}
    container = Container(name="main", command=("fake", "--ignore-term"))
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=(container,)))
    spec = StatefulSetSpec(replicas=REPLICAS, selector=LabelSelector(match_labels=labels), template=template)
    return StatefulSet(metadata=ObjectMeta(name="db", namespace="default"), spec=spec)


@pytest.mark.parametrize("seed", SEEDS)
def test_never_two_of_what_must_be_one(seed: int) -> None:
    async def course(cluster: Cluster) -> None:
        found: list[str] = []
        await cluster.user.client.create(members())
        await eventually(lambda: ready(cluster), within_s=30, every_s=0.25)
        watching = asyncio.ensure_future(watch(cluster, found))
        await break_things(cluster, RandomIds(hash64(seed, "at most one")))
        await eventually(lambda: ready(cluster), within_s=180, every_s=0.25)
        watching.cancel()
        assert not found, found[:5]

    with_a_cluster(seed, course)
