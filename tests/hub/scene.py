"""A leader, agents that may join, and what tests ask about nodes and pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proto.bus.memory import MemoryBus
from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.meta import ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec
from tests.engine.replicas import Ground, Replica, replicas
from tests.hub.agent import SpokenAgent


@dataclass
class Scene:
    """What a test of the hub stands on."""

    ground: Ground
    replica: Replica

    def agent(self, node: str, incarnation: str, previous: str = "") -> SpokenAgent:
        return SpokenAgent(MemoryBus(self.ground.network, f"machine-{incarnation}"), node, incarnation, previous)

    def node(self, name: str) -> Node:
        found = self.replica.mirror.get(Node, "", name)
        assert found is not None, f"no node {name}"
        return found

    def ready(self, name: str) -> tuple[str, str]:
        condition = find_condition(self.node(name).status.conditions, "Ready")
        assert condition is not None, f"node {name} says nothing"
        return condition.status, condition.reason

    def pod(self, name: str) -> Pod:
        found = self.replica.mirror.get(Pod, "default", name)
        assert found is not None, f"no pod {name}"
        return found

    def pod_ready(self, name: str) -> tuple[str, str]:
        condition = find_condition(self.pod(name).status.conditions, "Ready")
        assert condition is not None, f"pod {name} says nothing"
        return condition.status, condition.reason


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A cluster in memory with one control plane, which leads."""
    ground = Ground()
    async with replicas(ground, "a") as (replica,):
        yield Scene(ground, replica)


def pod(name: str, node: str = "", **spec: object) -> Pod:
    """A pod of one container, bound if `node` is given."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=PodSpec.model_validate({"containers": [Container(name="c", command=("x",))], "node_name": node, **spec}),
    )
