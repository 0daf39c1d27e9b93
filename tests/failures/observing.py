"""What must hold after any failure, observed from outside: through the API, and in the machines' process lists."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from proto.bus.nats import NatsBus
from proto.bus.port import Bus
from proto.client.typed import Client
from proto.errors import ApiError, Timeout, Unavailable
from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.container import Container
from proto.objects.core import ConfigMap, Node
from proto.objects.meta import Condition, LabelSelector, ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from setpoint.local.cluster import ClusterShape, LocalCluster
from tests.waiting import eventually

WITHIN_S = 30.0
MARKER = b"SETPOINT_CONTAINER_ID="


@dataclass(frozen=True, slots=True)
class Life:
    """What must not change for a pod that a failure does not concern."""

    node: str
    started_at: str
    restarts: int


@dataclass(slots=True)
class Observer:
    """A cluster under test and a client of it."""

    cluster: LocalCluster
    bus: Bus
    client: Client

    async def deploy(self, name: str, replicas: int) -> None:
        """A Deployment of programs that end at once on SIGTERM; returns when all are Ready."""
        labels = {"app": name}
        container = Container(name="main", command=("/bin/sleep", "1000000"))
        await self.client.create(
            Deployment(
                metadata=ObjectMeta(name=name, namespace="default"),
                spec=DeploymentSpec(
                    replicas=replicas,
                    selector=LabelSelector(match_labels=labels),
                    template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=PodSpec(containers=(container,))),
                ),
            )
        )
        await self.settled(replicas)

    async def scale(self, name: str, replicas: int) -> None:
        """Scale it, again until it is heard: a request in the hands of a replica that dies, dies with it."""
        impatient = Client(self.bus, timeout_s=1)

        async def heard() -> bool:
            try:
                await impatient.scale(Deployment, name, "default", replicas)
            except (Timeout, Unavailable) as lost:
                raise AssertionError(lost.message) from None
            return True

        await eventually(heard, within_s=WITHIN_S, what=f"{name} is scaled")

    async def pods(self) -> dict[str, Pod]:
        """All pods by name."""
        return {pod.metadata.name: pod for pod in (await self.client.list(Pod, "default")).items}

    async def lives(self) -> dict[str, Life]:
        """What identifies the running processes of every pod."""
        lives = {}
        for name, pod in (await self.pods()).items():
            status = pod.status.container_statuses[0]
            running = status.state.running
            lives[name] = Life(pod.spec.node_name, str(running and running.started_at), status.restart_count)
        return lives

    async def settled(self, replicas: int, *, within_s: float = WITHIN_S) -> None:
        """Exactly `replicas` pods, all Ready on Ready nodes, and exactly their processes on the machines."""

        async def check() -> bool:
            pods = await self.pods()
            assert len(pods) == replicas, f"{len(pods)} pods: {sorted(pods)}"
            nodes = await self.ready_nodes()
            for name, pod in pods.items():
                assert not pod.deleting, f"{name} is Terminating"
                assert is_true(pod.status.conditions, "Ready"), f"{name} is not Ready: {pod.status}"
                assert pod.spec.node_name in nodes, f"{name} is on {pod.spec.node_name}, Ready are {nodes}"
            assert await self.workloads() == sorted(pod.metadata.uid for pod in pods.values())
            return True

        await eventually(check, within_s=within_s, every_s=0.1, what=f"{replicas} replicas and nothing else")

    async def ready_nodes(self) -> set[str]:
        """Names of the nodes whose Ready condition is True."""
        nodes = (await self.client.list(Node)).items
        return {node.metadata.name for node in nodes if is_true(node.status.conditions, "Ready")}

    async def all_ready(self, count: int) -> None:
        """Wait until so many nodes are Ready."""

        async def check() -> bool:
            try:
                ready = await self.ready_nodes()
            except (Unavailable, Timeout) as nobody:
                raise AssertionError(nobody.message) from None
            assert len(ready) == count, f"Ready are {sorted(ready)}"
            return True

        await eventually(check, within_s=WITHIN_S, what=f"{count} nodes Ready")

    async def workloads(self) -> list[str]:
        """Pod uids of the workload processes on all machines, one for each container's main process."""
        uids = []
        for machine in self.cluster.machines.values():
            for pid in await machine.processes():
                if container := container_of(pid):
                    uids.append(container.split(".")[0])
        return sorted(uids)

    async def node_lost(self, name: str) -> None:
        """Wait until the node is not Ready."""

        async def check() -> bool:
            return name not in await self.ready_nodes()

        await eventually(check, within_s=WITHIN_S, what=f"{name} is noticed to be lost")

    def node_with_pods(self, pods: dict[str, Pod]) -> str:
        """A machine that has something to lose."""
        return next(pod.spec.node_name for pod in pods.values() if pod.spec.node_name)


def is_true(conditions: tuple[Condition, ...], kind: str) -> bool:
    """Whether a condition is there and True."""
    condition = find_condition(conditions, kind)
    return condition is not None and condition.status == "True"


def container_of(pid: int) -> str:
    """The container that a process belongs to, by the marker in its environment; "" for none."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((word.removeprefix(MARKER).decode() for word in words if word.startswith(MARKER)), "")


def supervisor_of(pids: tuple[int, ...]) -> int:
    """The pid of the supervisor among a machine's processes."""
    for pid in pids:
        with contextlib.suppress(OSError):  # It ended while we looked.
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"node_agent.supervisor" in words and Path(f"/proc/{pid}/comm").read_text() != "setpoint-guard\n":
                return pid
    raise AssertionError("no supervisor runs there")


async def write_through(client: Client, during: Callable[[], bool], acknowledged: list[str]) -> None:
    """Create ConfigMaps one after the other while `during` holds; the names of those that were acknowledged."""
    number = 0
    while during():
        name = f"written-{number}"
        number += 1
        try:
            await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"n": name}))
            acknowledged.append(name)
        except ApiError:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def observer_of(shape: ClusterShape) -> AsyncIterator[Observer]:
    """Start the cluster and look on, once all its machines are Ready."""
    async with LocalCluster(shape) as cluster:
        bus = await NatsBus.connect(cluster.url, name="test")
        try:
            seen = Observer(cluster, bus, Client(bus, timeout_s=5))
            await seen.all_ready(len(shape.machines))
            yield seen
        finally:
            await bus.close()
