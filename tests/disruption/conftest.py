"""A real cluster for each file of tests: three machines, programs that end at once, and the real command line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.errors import NotFound
from proto.objects.apps import Deployment, IntOrPercent
from proto.objects.core import Node
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget, PodDisruptionBudgetSpec
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.cli.conftest import Setpoint
from tests.failures.observing import WITHIN_S, Observer, is_true
from tests.waiting import eventually

MACHINES = ("m1", "m2", "m3")
LABELS = {"app": "web"}


@dataclass(slots=True)
class Scene(Observer):
    """A cluster, a client of it, and the program `setpoint`."""

    call: Setpoint = field(kw_only=True)

    async def protect(self, minimum: IntOrPercent) -> None:
        """A budget for the pods of `web`; returns when it has been counted."""
        spec = PodDisruptionBudgetSpec(min_available=minimum, selector=LabelSelector(match_labels=LABELS))
        await self.client.create(PodDisruptionBudget(metadata=ObjectMeta(name="web", namespace="default"), spec=spec))

        async def counted() -> bool:
            return (await self.budget()).status.observed_generation == 1

        await eventually(counted, within_s=WITHIN_S, what="the budget is counted")

    async def budget(self) -> PodDisruptionBudget:
        return await self.client.get(PodDisruptionBudget, "web", "default")

    async def pods_on(self, node: str) -> list[str]:
        """Names of the pods that are bound to a node."""
        return sorted(name for name, pod in (await self.pods()).items() if pod.spec.node_name == node)

    async def cordoned(self, node: str) -> bool:
        return (await self.client.get(Node, node)).spec.unschedulable

    async def fullest(self) -> str:
        """The machine with most pods."""
        places = [pod.spec.node_name for pod in (await self.pods()).values()]
        return max(MACHINES, key=places.count)

    async def settled_elsewhere(self, count: int, node: str) -> None:
        """So many pods are Ready, none of them on `node`, which may be away."""

        async def check() -> bool:
            pods = (await self.pods()).values()
            return len(pods) == count and all(_is_healthy(pod) and pod.spec.node_name != node for pod in pods)

        await eventually(check, within_s=WITHIN_S, what=f"{count} pods on other machines")

    async def healthy_min(self, until: asyncio.Task[object]) -> int:
        """The lowest number of healthy pods at any moment before `until` ends, by every change of any pod."""
        healthy: dict[str, bool] = {}
        least = 1_000

        async def follow() -> None:
            nonlocal least
            listed = await self.client.list(Pod, "default")
            healthy.update({pod.metadata.uid: _is_healthy(pod) for pod in listed.items})
            async for event in self.client.watch(Pod, "default", since=listed.revision):
                pod = event.object
                healthy[pod.metadata.uid] = event.type != "DELETED" and _is_healthy(pod)
                least = min(least, sum(healthy.values()))

        following = asyncio.create_task(follow())
        await asyncio.wait([until])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert least < 1_000, "no change of any pod was seen"
        return least

    async def clear(self) -> None:
        """Make it as it was in the beginning, for the next test."""
        for model in (PodDisruptionBudget, Deployment, DaemonSet):
            for obj in (await self.client.list(model, "default")).items:
                await self.client.delete(model, obj.metadata.name, "default")
        for name in await self.pods():
            with contextlib.suppress(NotFound):
                await self.client.delete(Pod, name, "default", grace_s=1)
        for node in MACHINES:
            await self.client.patch(Node, node, "", {"spec": {"unschedulable": False}})
        await self.all_ready(len(MACHINES))
        await self.settled(0)


def _is_healthy(pod: Pod) -> bool:
    return not pod.deleting and is_true(pod.status.conditions, "Ready")


@asynccontextmanager
async def machines(folder: Path, *agent_arguments: str) -> AsyncIterator[Scene]:
    """A cluster of three machines whose agents get these arguments."""
    shape = ClusterShape(
        data_dir=folder, machines=MACHINES, isolation="groups", sync_always=False, agent_arguments=agent_arguments
    )
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            made = Scene(cluster, bus, Client(bus, timeout_s=5), call=Setpoint(cluster.url, folder))
            await made.all_ready(len(MACHINES))
            yield made
        finally:
            await bus.close()
            for agent in cluster.agents.values():  # Agents that would leave politely have nobody to tell any more.
                await agent.forsake()
                agent.program.signal(signal.SIGINT)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with machines(tmp_path_factory.mktemp("three")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def scene(three: Scene) -> AsyncIterator[Scene]:
    yield three
    await three.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def polite_three(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with machines(tmp_path_factory.mktemp("polite"), "--drain-on-exit", "15") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def leavers(polite_three: Scene) -> AsyncIterator[Scene]:
    """The same, with agents that hand their pods over when they are stopped."""
    yield polite_three
    await polite_three.clear()
