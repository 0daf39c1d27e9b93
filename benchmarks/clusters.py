"""Clusters to measure on: real programs on this host, and what every measurement asks of them."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from proto.bus.nats import NatsBus
from proto.client.typed import Client
from proto.errors import Timeout, Unavailable
from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, Object, ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from setpoint.local.cluster import ClusterShape, LocalCluster
from setpoint.local.machines import Isolation

Obj = TypeVar("Obj", bound=Object)

JOINED_WITHIN_S = 300.0

SLEEPER = ("/bin/sleep", "1000000")


@asynccontextmanager
async def cluster(
    machines: int,
    *,
    control_planes: int = 1,
    sync_always: bool = True,
    arguments: tuple[str, ...] = (),
    agent_arguments: tuple[str, ...] = (),
    isolation: Isolation = "auto",
) -> AsyncIterator[tuple[LocalCluster, Client]]:
    """A cluster whose machines are all Ready, and a client of it; `arguments` are the control planes'."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        shape = ClusterShape(
            data_dir=Path(folder),
            machines=tuple(f"m{number}" for number in range(1, machines + 1)),
            control_planes=control_planes,
            sync_always=sync_always,
            control_plane_arguments=arguments,
            agent_arguments=agent_arguments,
            isolation=isolation,
        )
        async with LocalCluster(shape) as local:
            bus = await NatsBus.connect(local.url, name="bench")
            try:
                client = Client(bus)
                await _answers(client)
                await until(client, Node, "", lambda nodes: sum(map(node_ready, nodes.values())) == machines)
                yield local, client
            finally:
                await bus.close()


async def _answers(client: Client) -> None:
    """Wait until a control plane serves."""
    async with asyncio.timeout(30):
        while True:
            try:
                await client.list(Node)
                return
            except (Unavailable, Timeout):
                await asyncio.sleep(0.05)


def sleeper(name: str) -> Pod:
    """A pod that does nothing."""
    return Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=PodSpec(containers=(_container(),)))


def sleepers(name: str, replicas: int) -> Deployment:
    """Many pods that do nothing, each ended at once when it must go."""
    labels = {"app": name}
    return Deployment(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels),
                spec=PodSpec(containers=(_container(),), termination_grace_period_seconds=1),
            ),
        ),
    )


def _container() -> Container:
    return Container(name="main", command=SLEEPER)


def node_ready(node: Node) -> bool:
    """Whether its Ready condition is True."""
    condition = find_condition(node.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def pod_ready(pod: Pod) -> bool:
    """Whether it runs, is Ready and is to stay."""
    condition = find_condition(pod.status.conditions, "Ready")
    return not pod.deleting and condition is not None and condition.status == "True"


async def until(
    client: Client, model: type[Obj], namespace: str, reached: Callable[[dict[str, Obj]], bool], *, within_s: float = 60
) -> dict[str, Obj]:
    """Follow a kind until `reached` holds for all objects by name; those objects."""
    listed = await client.list(model, namespace)
    objects = {item.metadata.name: item for item in listed.items}
    if reached(objects):
        return objects
    async with asyncio.timeout(within_s):
        async for event in client.watch(model, namespace, since=listed.revision):
            if event.type == "DELETED":
                objects.pop(event.object.metadata.name, None)
            else:
                objects[event.object.metadata.name] = event.object
            if reached(objects):
                return objects
    raise AssertionError("a watch never ends by itself")


@asynccontextmanager
async def simulated_nodes(local: LocalCluster, count: int) -> AsyncIterator[int]:
    """The simulated nodes, all joined; their process's pid."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.simulated_nodes", "--nats", local.url, "--count", str(count)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), JOINED_WITHIN_S)
        if not line.startswith(b"ready"):
            raise RuntimeError("the simulated nodes did not join")
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
