"""What must be one is never two, whatever happens to its machine's agent: told by the programs themselves.

The member of a StatefulSet writes the time since boot into one file, again and again, wherever it runs; all machines
here share that clock. Its lives must follow one another with nothing of one after the first word of the next.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from proto.objects.stateful_set import StatefulSet, StatefulSetSpec
from setpoint.local.cluster import ClusterShape
from tests.failures.observing import Observer, container_of, observer_of
from tests.failures.test_the_hub_fails import leader
from tests.waiting import eventually

PACE = ("--heartbeat-s", "0.5", "--grace-s", "2", "--lease-s", "4")
MOVED_WITHIN_S = 20.0
STUBBORN = """trap '' TERM
while :; do read since_boot rest </proc/uptime; echo "$SETPOINT_CONTAINER_ID $since_boot" >>FILE; sleep 0.02; done"""


@pytest.fixture
async def observer(tmp_path: Path) -> AsyncIterator[Observer]:
    shape = ClusterShape(tmp_path, ("m1", "m2"), control_planes=2, control_plane_arguments=PACE)
    async with observer_of(shape) as seen:
        yield seen


async def keep_one(observer: Observer, words: Path) -> None:
    """A StatefulSet of one, which ignores SIGTERM and writes down when it lives."""
    labels = {"app": "db"}
    program = Container(name="main", command=("/bin/sh", "-c", STUBBORN.replace("FILE", str(words))))
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=(program,)))
    spec = StatefulSetSpec(replicas=1, selector=LabelSelector(match_labels=labels), template=template)
    await observer.client.create(StatefulSet(metadata=ObjectMeta(name="db", namespace="default"), spec=spec))


async def running(observer: Observer, words: Path, *, elsewhere_than: str = "") -> Pod:
    """Wait until it runs and writes on another machine than that."""

    async def found() -> Pod | None:
        pod = (await observer.pods()).get("db-0")
        if pod is None or pod.spec.node_name in ("", elsewhere_than) or pod.deleting:
            return None
        return pod if pod.metadata.uid in words.read_text() else None

    return await eventually(found, within_s=MOVED_WITHIN_S, what="db-0 runs elsewhere")  # type: ignore[return-value]


async def back(observer: Observer, pod: Pod) -> None:
    """Wait until both nodes are well, and nothing runs but that pod."""
    await observer.all_ready(2)

    async def settled() -> bool:
        fenced = [n for n in (await observer.client.list(Node)).items if n.status.since_grant_seconds is not None]
        return not fenced and await observer.workloads() == [pod.metadata.uid]

    await eventually(settled, what="one process and no fence")


def lives(words: Path) -> list[tuple[str, float, float]]:
    """Each life's container, first and last word, in order of the first words."""
    spans: dict[str, tuple[float, float]] = {}
    for line in words.read_text().splitlines():
        container, _, since_boot = line.partition(" ")
        first, last = spans.get(container, (float(since_boot), 0.0))
        spans[container] = min(first, float(since_boot)), max(last, float(since_boot))
    return sorted(((container, *span) for container, span in spans.items()), key=lambda life: life[1])


async def test_a_stateful_pod_moves_only_after_the_old_one_is_dead(observer: Observer, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.touch()
    await keep_one(observer, words)
    first = await running(observer, words)

    agent = observer.cluster.agents[first.spec.node_name].program.pid
    os.kill(agent, signal.SIGSTOP)
    second = await running(observer, words, elsewhere_than=first.spec.node_name)
    node = await observer.client.get(Node, first.spec.node_name)
    assert find_condition(node.status.conditions, "Fenced") is not None
    os.kill(agent, signal.SIGCONT)
    await back(observer, second)

    machine = observer.cluster.machines[second.spec.node_name]
    await machine.cut()
    (await leader(observer)).program.signal(signal.SIGKILL)
    third = await running(observer, words, elsewhere_than=second.spec.node_name)
    await machine.heal()
    await back(observer, third)

    kept = observer.cluster.agents[third.spec.node_name]
    await kept.forsake()
    kept.program.signal(signal.SIGKILL)
    fourth = await running(observer, words, elsewhere_than=third.spec.node_name)
    assert not [pid for pid in await observer.cluster.machines[third.spec.node_name].processes() if container_of(pid)]

    told = lives(words)
    uids = [container.partition(".")[0] for container, _, _ in told]
    assert uids == [pod.metadata.uid for pod in (first, second, third, fourth)]
    for (_, _, last), (_, begun, _) in pairwise(told):
        assert last < begun, told
