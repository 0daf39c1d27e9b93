"""A DaemonSet with real processes: it follows machines, taints and labels, and rolls from machine to machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from proto.client.typed import Client
from proto.codec import to_dict
from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.daemon_set import DaemonSet, DaemonSetSpec
from proto.objects.meta import LabelSelector, ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.waiting import eventually

MACHINES = ("m1", "m2", "m3")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    shape = ClusterShape(data_dir=tmp_path, machines=MACHINES, isolation="groups")
    async with client_of(shape) as found:
        yield found


def daemon_set(version: str) -> DaemonSet:
    container = Container(name="main", command=("/bin/sh", "-c", f"echo {version}; exec sleep 1000"))
    labels = {"app": "log"}
    pod = PodSpec(containers=(container,), node_selector={"role": "edge"}, termination_grace_period_seconds=2)
    return DaemonSet(
        metadata=ObjectMeta(name="log", namespace="default"),
        spec=DaemonSetSpec(
            selector=LabelSelector(match_labels=labels),
            template=PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod),
        ),
    )


def runs_on(client: Client, *nodes: str, version: str = "v1") -> Callable[[], Awaitable[bool]]:
    """A check: exactly one pod on each of `nodes`, of that version, ready, and none elsewhere."""

    async def check() -> bool:
        pods = (await client.list(Pod, "default")).items
        found = sorted(pod.spec.node_name for pod in pods)
        assert found == sorted(nodes), f"pods on {found}"
        for pod in pods:
            ready = find_condition(pod.status.conditions, "Ready")
            assert ready is not None and ready.status == "True" and not pod.deleting, pod.metadata.name
            assert version in pod.spec.containers[0].command[2]
        return True

    return check


async def change(client: Client, node: str, body: dict[str, object]) -> None:
    await client.patch(Node, node, "", body)


async def test_it_follows_its_nodes_and_rolls(client: Client) -> None:
    for name in ("m1", "m2"):
        await change(client, name, {"metadata": {"labels": {"role": "edge"}}})
    await client.create(daemon_set("v1"))
    await eventually(runs_on(client, "m1", "m2"), within_s=20, what="a pod on each edge machine")

    await change(client, "m3", {"metadata": {"labels": {"role": "edge"}}})
    await eventually(runs_on(client, "m1", "m2", "m3"), within_s=20, what="a machine becomes one of the edge")

    await change(client, "m2", {"spec": {"unschedulable": True}})
    await client.patch(DaemonSet, "log", "default", {"spec": {"template": to_dict(daemon_set("v2").spec.template)}})
    await eventually(runs_on(client, "m1", "m2", "m3", version="v2"), within_s=40, what="rolled, cordon or not")

    await change(client, "m1", {"spec": {"taints": [{"key": "broken", "effect": "NoExecute"}]}})
    await eventually(runs_on(client, "m2", "m3", version="v2"), within_s=20, what="driven away by a taint")
    await change(client, "m1", {"spec": {"taints": None}})
    await eventually(runs_on(client, "m1", "m2", "m3", version="v2"), within_s=20, what="back without the taint")

    found = await client.get(DaemonSet, "log", "default")
    assert found.status.updated_number_scheduled == found.status.number_available == 3
