"""A node that leaves politely: cordoned and marked while it does, and as it was before when it is back."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.hub.node_state import with_leaving
from proto.leaving import LEAVING, STAY_CORDONED, UNCORDON_AT_RETURN
from proto.objects.core import Node
from proto.objects.meta import ObjectMeta, evolve
from tests.hub.scene import Scene, pod, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually


def marks(on: Scene, name: str = "n1") -> tuple[bool, str | None]:
    node = on.node(name)
    return node.spec.unschedulable, node.metadata.labels.get(LEAVING)


@pytest.mark.parametrize("cordoned", [False, True])
def test_what_was_before_is_restored(cordoned: bool) -> None:
    node = evolve(Node(metadata=ObjectMeta(name="n1", labels={"a": "b"})), **{"spec.unschedulable": cordoned})
    left = with_leaving(node, True)
    assert left.spec.unschedulable
    assert left.metadata.labels == {"a": "b", LEAVING: STAY_CORDONED if cordoned else UNCORDON_AT_RETURN}
    assert with_leaving(left, True) is left
    assert with_leaving(left, False) == node
    assert with_leaving(node, False) is node


@in_virtual_time
async def test_a_leaving_node_gives_its_pods_away_and_returns_as_it_was() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.ground.create(pod("web", "n1"))
        await eventually(lambda: "web" in {held.pod.metadata.name for held in agent.held.values()})
        agent.leaving = True
        await agent.heartbeat()
        await eventually(lambda: marks(on) == (True, UNCORDON_AT_RETURN), within_s=1)
        await eventually(lambda: on.pod("web").deleting, within_s=1)
        target = next(c for c in on.pod("web").status.conditions if c.type == "DisruptionTarget")
        assert target.reason == "TerminationByKubelet"

        assert (await agent.register(leaving=True)).refused == ""
        await asyncio.sleep(1)
        assert marks(on) == (True, UNCORDON_AT_RETURN), "it only registered again"
        await agent.stop()
        await asyncio.sleep(30)
        assert on.ready("n1")[0] == "Unknown"
        assert marks(on) == (True, UNCORDON_AT_RETURN), "silence is no return"

        assert (await on.agent("n1", "two", previous="one").register()).refused == ""
        assert marks(on) == (False, None)


@in_virtual_time
async def test_nobody_lets_pods_onto_a_node_while_it_leaves() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        agent.leaving = True
        await eventually(lambda: marks(on) == (True, UNCORDON_AT_RETURN), within_s=2)
        node = on.node("n1")
        await on.ground.user.put(evolve(node, **{"spec.unschedulable": False}), node.metadata.revision)
        await eventually(lambda: on.node("n1").metadata.revision > node.metadata.revision, within_s=1)
        await eventually(lambda: marks(on) == (True, UNCORDON_AT_RETURN), within_s=1)


@in_virtual_time
async def test_who_changes_his_mind_stays() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        agent.leaving = True
        await eventually(lambda: marks(on) == (True, UNCORDON_AT_RETURN), within_s=2)
        agent.leaving = False
        await eventually(lambda: marks(on) == (False, None), within_s=2)
