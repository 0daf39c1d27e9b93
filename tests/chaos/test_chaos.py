"""Whatever is killed or stopped on the machines: no process twice, nothing left over, and all is well in the end.

Real programs on three machines; half a minute in every run, `SETPOINT_SOAK_MINUTES` of them in `make soak`. The seed is
in the test's name, and `SETPOINT_CHAOS_SEED` sets another.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from node_agent.supervisor.processes import is_zombie
from proto import codec
from proto.node import CleanReply, CleanRequest
from proto.objects.apps import Deployment
from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import PodSpec, PodTemplateSpec
from proto.objects.stateful_set import StatefulSet, StatefulSetSpec
from proto.subjects import node_down
from setpoint.local.cluster import ClusterShape
from tests.chaos.faults import Chaos
from tests.failures.observing import Observer, container_of, observer_of
from tests.failures.test_fencing import lives
from tests.waiting import eventually

MACHINES = ("m1", "m2", "m3")
PACE = ("--heartbeat-s", "0.5", "--grace-s", "2", "--lease-s", "4")
LOOK_EVERY_S = 0.25
SEED = int(os.environ.get("SETPOINT_CHAOS_SEED", "1"))
SOAK_S = 60 * float(os.environ.get("SETPOINT_SOAK_MINUTES", "30"))

WRITER = """import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
name = os.environ["SETPOINT_CONTAINER_ID"]
with open(FILE, "a") as file:
    while True:
        file.write(f"{name} {time.clock_gettime(time.CLOCK_BOOTTIME):.2f}\\n")
        file.flush()
        time.sleep(0.02)
"""
"""Ignores SIGTERM, and tells when it lives."""


@pytest.fixture
async def observer(tmp_path: Path) -> AsyncIterator[Observer]:
    async with observer_of(ClusterShape(tmp_path, MACHINES, control_plane_arguments=PACE)) as seen:
        yield seen


async def keep_one(observer: Observer, words: Path) -> None:
    """A StatefulSet of one, which writes down when it lives."""
    labels = {"app": "db"}
    program = Container(name="main", command=(sys.executable, "-S", "-c", WRITER.replace("FILE", repr(str(words)))))
    spec = PodSpec(containers=(program,), termination_grace_period_seconds=1)
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=spec)
    one = StatefulSetSpec(replicas=1, selector=LabelSelector(match_labels=labels), template=template)
    await observer.client.create(StatefulSet(metadata=ObjectMeta(name="db", namespace="default"), spec=one))


async def watch_for_doubles(observer: Observer, doubles: set[str]) -> None:
    """Every program here is one process, so a container with two of them runs twice."""
    while True:
        for machine in observer.cluster.machines.values():
            found = Counter(filter(None, map(container_of, await machine.processes())))
            doubles |= {container for container, count in found.items() if count > 1}
        await asyncio.sleep(LOOK_EVERY_S)


async def nothing_left(observer: Observer) -> bool:
    """No process, container, directory or control group of a pod is on any machine, and no zombie."""
    assert await observer.workloads() == []
    for name, machine in observer.cluster.machines.items():
        answer = await observer.bus.request(node_down(name, "clean"), codec.pack(CleanRequest()), timeout_s=10)
        reply = codec.unpack(answer.data, CleanReply)
        assert not reply.refused, f"{name}: {reply.refused}"
        assert not reply.leftovers, f"{name} had left over {reply.leftovers}"
        for kept in ("agent/pods", "agent/supervisor/containers"):
            found = sorted(entry.name for entry in (machine.state_dir / kept).glob("*"))
            assert not found, f"{name}: {kept} holds {found}"
        zombies = [pid for pid in await machine.processes() if is_zombie(pid)]
        assert not zombies, f"{name}: zombies {zombies}"
    return True


@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("for_s", "settled_within_s"),
    [
        pytest.param(25.0, 60.0, id="25 s"),
        pytest.param(SOAK_S, 400.0, id="long", marks=pytest.mark.soak),  # A back-off may be five minutes by then.
    ],
)
async def test_it_ends_well(observer: Observer, tmp_path: Path, for_s: float, settled_within_s: float) -> None:
    words = tmp_path / "words"
    words.touch()
    chaos, doubles = Chaos(observer, SEED), set[str]()
    await observer.deploy("web", chaos.replicas)
    await keep_one(observer, words)
    await observer.settled(chaos.replicas + 1)

    watching = asyncio.create_task(watch_for_doubles(observer, doubles))
    await chaos.rage(for_s)
    said = "\n".join(chaos.told)
    try:
        await observer.all_ready(len(MACHINES))
        await observer.scale("web", chaos.replicas)
        await observer.settled(chaos.replicas + 1, within_s=settled_within_s)
        watching.cancel()
        assert not doubles, f"ran twice: {doubles}"
        for (former, _, last_s), (later, first_s, _) in pairwise(lives(words)):
            assert last_s <= first_s, f"{former} wrote after {later} had begun"
        await observer.client.delete(Deployment, "web", "default")
        await observer.client.delete(StatefulSet, "db", "default")
        await eventually(lambda: nothing_left(observer), within_s=30, every_s=0.5)
        nodes = (await observer.client.list(Node)).items
        trouble = [c for node in nodes for c in node.status.conditions if c.type.startswith(("Container", "State"))]
        assert {condition.status for condition in trouble} <= {"False"}, trouble
    except AssertionError as failure:
        raise AssertionError(f"{failure}\nseed {SEED}, after:\n{said}") from failure
