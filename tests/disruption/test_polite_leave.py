"""A machine whose agent is stopped for good: its programs run elsewhere before anybody would have missed it."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from proto.leaving import LEAVING, UNCORDON_AT_RETURN
from proto.objects.core import Node
from tests.disruption.conftest import Scene
from tests.waiting import eventually

LEAVE_S_MAX = 20.0
GRACE_S = 3.0
"""How long the hub waits for a node that is silent before it counts as lost."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_pods_are_handed_over_without_waiting_for_the_lease(leavers: Scene) -> None:
    scene = leavers
    await scene.deploy("web", 6)
    node = await scene.fullest()
    began_s = time.monotonic()
    stopping = asyncio.create_task(scene.cluster.agents[node].stop(LEAVE_S_MAX))
    await scene.settled_elsewhere(6, node)
    took_s = time.monotonic() - began_s
    print(f"from SIGTERM to all replacements Ready: {took_s * 1000:.0f} ms")
    assert took_s < GRACE_S, "no sooner than if the machine had been lost"
    await stopping
    assert scene.cluster.agents[node].program.returncode == 0
    assert await scene.pods_on(node) == []
    left = await scene.client.get(Node, node)
    assert (left.spec.unschedulable, left.metadata.labels[LEAVING]) == (True, UNCORDON_AT_RETURN)

    await scene.cluster.agents[node].start()
    await eventually(lambda: returned(scene, node), within_s=10, what="the node is as it was")
    await scene.settled(6)


async def returned(scene: Scene, node: str) -> bool:
    back = await scene.client.get(Node, node)
    return not back.spec.unschedulable and LEAVING not in back.metadata.labels


async def test_a_leave_keeps_the_budget(leavers: Scene) -> None:
    scene = leavers
    await scene.deploy("web", 6)
    await scene.protect(5)
    node = await scene.fullest()
    stopping: asyncio.Task[object] = asyncio.create_task(scene.cluster.agents[node].stop(LEAVE_S_MAX))
    assert await scene.healthy_min(stopping) >= 5
    assert await scene.pods_on(node) == []
    await scene.settled_elsewhere(6, node)
    await scene.cluster.agents[node].start()
    await eventually(lambda: returned(scene, node), within_s=10, what="the node is as it was")


async def test_a_second_signal_ends_the_waiting_and_the_pods_go_on(leavers: Scene) -> None:
    scene = leavers
    await scene.deploy("web", 3)
    await scene.protect("100%")
    node = await scene.fullest()
    before = await scene.lives()
    agent = scene.cluster.agents[node]
    await agent.forsake()
    agent.program.signal(signal.SIGTERM)
    await eventually(lambda: scene.cordoned(node), within_s=5, what="the hub was told")
    assert agent.program.returncode is None, "no budget lets a pod go, and it waits"
    agent.program.signal(signal.SIGTERM)
    assert await asyncio.wait_for(agent.program.wait(), 5) == 0
    await agent.start()
    await eventually(lambda: returned(scene, node), within_s=10, what="the node is as it was")
    await scene.settled(3)
    assert await scene.lives() == before


async def test_an_interrupt_touches_nothing(leavers: Scene) -> None:
    scene = leavers
    await scene.deploy("web", 3)
    before = await scene.lives()
    node = await scene.fullest()
    agent = scene.cluster.agents[node]
    await agent.forsake()
    agent.program.signal(signal.SIGINT)
    assert await asyncio.wait_for(agent.program.wait(), 5) == 0
    await agent.start()
    await scene.settled(3)
    assert await scene.lives() == before
    assert not await scene.cordoned(node)
