"""When a silent node counts as fenced, and that it is granted nothing while anybody may still act on that."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.hub import node_state
from proto.objects.core import Node
from proto.objects.meta import ObjectMeta, evolve, find_condition
from proto.objects.pod import DisconnectPolicy, Pod
from tests.controllers.builders import NOW
from tests.engine.replicas import Ground, replicas
from tests.hub.scene import Scene, pod, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually


def member(name: str, node: str, stop_after_s: int = 15) -> Pod:
    return pod(name, node, disconnect=DisconnectPolicy(stop_after_seconds=stop_after_s))


def there(on: Scene) -> set[str]:
    return {each.metadata.name for each in on.replica.mirror.list(Pod)}


@in_virtual_time
async def test_pods_that_must_be_one_go_when_their_node_is_certain_to_have_stopped_them() -> None:
    async with scene() as on:
        agent, other = on.agent("n1", "one"), on.agent("n2", "two")
        await agent.join()
        await other.join()
        await on.ground.create(member("db-0", "n1"), member("db-1", "n1", 30), pod("web", "n1"))
        await eventually(lambda: len(agent.held) == 3)
        await agent.stop()
        silent_s = on.ground.clock.monotonic_s()

        await eventually(lambda: on.pod("web").deleting)
        assert on.ground.clock.monotonic_s() - silent_s < 5
        await eventually(lambda: "db-0" not in there(on), within_s=60)
        assert 15 + 1 < on.ground.clock.monotonic_s() - silent_s < 15 + 3
        fenced = find_condition(on.node("n1").status.conditions, "Fenced")
        assert fenced is not None and (fenced.status, fenced.reason) == ("True", "LeaseExpired")
        assert not on.pod("db-1").deleting

        await eventually(lambda: "db-1" not in there(on), within_s=60)
        assert 30 + 1 < on.ground.clock.monotonic_s() - silent_s < 30 + 4
        assert there(on) == {"web"}
        await other.stop()


@in_virtual_time
async def test_a_node_that_is_back_in_time_loses_nothing() -> None:
    async with scene() as on:
        agent, other = on.agent("n1", "one"), on.agent("n2", "two")
        await agent.join()
        await other.join()
        await on.ground.create(member("db-0", "n1"))
        await eventually(lambda: agent.held)
        await agent.stop()
        await asyncio.sleep(10)
        assert on.ready("n1")[0] == "Unknown"
        assert (await agent.heartbeat()).verdict == "granted"
        await asyncio.sleep(1.5)
        assert not on.pod("db-0").deleting
        await other.stop()


@in_virtual_time
async def test_nothing_is_granted_before_it_is_written_that_the_node_is_back() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await agent.stop()
        await eventually(lambda: on.node("n1").status.since_grant_seconds is not None, within_s=60)

        on.replica.store.away = True
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await agent.heartbeat()
        on.replica.store.away = False
        assert (await agent.heartbeat()).verdict == "granted"
        node = on.node("n1")
        assert node_state.is_ready(node)
        assert node.status.since_grant_seconds is None
        assert find_condition(node.status.conditions, "Fenced") is None


@in_virtual_time
async def test_a_new_leader_counts_from_its_own_start() -> None:
    ground = Ground()
    async with replicas(ground, "a", "b") as (a, b):
        leader, other = (a, b) if a.election.leading else (b, a)
        on = Scene(ground, other)
        agent, alive = on.agent("n1", "one"), on.agent("n2", "two")
        await agent.join()
        await alive.join()
        await agent.stop()
        await eventually(lambda: on.ready("n1")[0] == "Unknown")
        await asyncio.sleep(10)
        leader.store.away = True
        await eventually(lambda: other.election.leading)
        began_s = ground.clock.monotonic_s()
        await eventually(lambda: on.node("n1").status.since_grant_seconds is not None, within_s=60)
        assert 15 < ground.clock.monotonic_s() - began_s < 19
        await alive.stop()


@pytest.mark.parametrize(
    ("told_s", "since_s", "says"), [(None, 17, 17), (17, 17, None), (62, 17, None), (17, 62, 62)],
    ids=["new", "same", "less", "more"],
)  # fmt: skip
def test_the_mark_only_grows(told_s: int | None, since_s: int, says: int | None) -> None:
    node = evolve(Node(metadata=ObjectMeta(name="n1")), **{"status.since_grant_seconds": told_s})
    marked = node_state.fenced(node, since_s, NOW)
    assert (None if marked is None else marked.status.since_grant_seconds) == says
