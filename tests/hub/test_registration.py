"""Who gets a node's name, what registration merges, and what happens to a Node without its agent."""

from __future__ import annotations

import asyncio

import pytest

from proto.bus.memory import MemoryBus
from proto.node import HeartbeatReply, Registration
from proto.objects.coordination import Lease
from proto.objects.core import Node, NodeSpec, Taint
from proto.objects.meta import ObjectMeta
from tests.engine.replicas import Ground, replicas
from tests.hub.scene import Scene, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually


@in_virtual_time
async def test_an_agent_that_joins_makes_its_node() -> None:
    async with scene() as on:
        assert (await on.agent("n1", "one").register()).refused == ""
        node = on.node("n1")
        assert node.metadata.uid
        assert node.metadata.labels["kubernetes.io/hostname"] == "n1"
        assert node.status.allocatable["cpu"] == "4"
        assert on.ready("n1") == ("True", "AgentReady")
        lease = on.replica.mirror.get(Lease, "kube-node-lease", "n1")
        assert lease is not None
        assert lease.spec.holder_identity == "n1_one"
        assert lease.metadata.owner_references[0].uid == node.metadata.uid


@in_virtual_time
async def test_a_declared_node_waits_for_its_agent_and_keeps_what_its_owner_said() -> None:
    async with scene() as on:
        declared = Node(
            metadata=ObjectMeta(
                name="10.240.79.157", labels={"name": "my-first-node", "kubernetes.io/hostname": "wrong", "zone": "a"}
            ),
            spec=NodeSpec(taints=(Taint(key="mine", effect="NoSchedule"),)),
        )
        await on.ground.create(declared)
        await eventually(lambda: on.ready("10.240.79.157") == ("Unknown", "NodeStatusNeverUpdated"))
        await asyncio.sleep(60)
        assert on.ready("10.240.79.157") == ("Unknown", "NodeStatusNeverUpdated")
        uid = on.node("10.240.79.157").metadata.uid

        agent = on.agent("10.240.79.157", "one")
        agreed = await agent.register(labels={"kubernetes.io/hostname": "box", "zone": "b", "rack": "7"})
        assert agreed.refused == ""
        await eventually(lambda: on.ready("10.240.79.157") == ("True", "AgentReady"))
        node = on.node("10.240.79.157")
        assert node.metadata.uid == uid
        assert node.metadata.labels == {
            "name": "my-first-node", "kubernetes.io/hostname": "box", "zone": "a", "rack": "7"
        }  # fmt: skip
        assert any(taint.key == "mine" for taint in node.spec.taints)


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a..b", "x" * 254, ""])
def test_an_invalid_name_is_refused_with_the_rule(name: str) -> None:
    @in_virtual_time
    async def check() -> None:
        async with scene() as on:
            agent = on.agent("n1", "one")
            refused = (await agent.register(node=name)).refused
            assert f"node name {name!r} is invalid" in refused
            assert not list(on.replica.mirror.list(Node))

    check()


@in_virtual_time
async def test_a_second_agent_is_refused_and_does_not_disturb_the_first() -> None:
    async with scene() as on:
        first, second = on.agent("n1", "one"), on.agent("n1", "two")
        await first.join()
        before = on.node("n1").metadata.revision
        refused = (await second.register()).refused
        assert "'n1' is held by another agent" in refused
        assert (await second.heartbeat()).verdict == "refused"
        assert (await first.heartbeat()).verdict == "granted"
        assert on.node("n1").metadata.revision == before
        await first.stop()


@in_virtual_time
async def test_the_name_is_free_after_the_lease_or_a_goodbye() -> None:
    async with scene() as on:
        first = on.agent("n1", "one")
        await first.register()
        await asyncio.sleep(14)
        assert (await on.agent("n1", "two").register()).refused
        await asyncio.sleep(1.5)
        second = on.agent("n1", "three")
        assert (await second.register()).refused == ""
        await second.goodbye()
        assert (await on.agent("n1", "four").register()).refused == ""


@in_virtual_time
async def test_the_same_agent_started_again_takes_its_place_at_once() -> None:
    async with scene() as on:
        await on.agent("n1", "one").register()
        again = on.agent("n1", "two", previous="one")
        assert (await again.register()).refused == ""
        assert (await again.heartbeat()).verdict == "granted"
        assert (await on.agent("n1", "one").heartbeat()).verdict == "refused"


@in_virtual_time
async def test_a_new_leader_knows_who_holds_a_name() -> None:
    ground = Ground()
    async with replicas(ground, "a", "b") as (a, b):
        leader, other = (a, b) if a.election.leading else (b, a)
        on = Scene(ground, leader)
        first = on.agent("n1", "one")
        await first.register()
        leader.store.away = True
        await eventually(lambda: other.election.leading)
        await eventually(lambda: other.leadership.hub is not None)
        assert (await on.agent("n1", "two").register()).refused
        assert (await first.heartbeat()).verdict == "granted"


@in_virtual_time
async def test_an_agent_whose_node_was_deleted_joins_again() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        old = on.node("n1")
        await on.ground.user.delete(old, old.metadata.revision)
        await eventually(lambda: on.node("n1").metadata.uid != old.metadata.uid)
        assert on.ready("n1")[0] == "True"
        await agent.stop()


@in_virtual_time
async def test_an_unreadable_message_disturbs_nobody() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        other = MemoryBus(on.ground.network, "stranger")
        for kind in ("heartbeat", "status", "sync", "goodbye", "register", "nonsense"):
            await other.publish(f"sp.node.n1.up.{kind}", b"\xc1\xff", reply="nowhere")
            await other.publish(f"sp.node.n1.up.{kind}", b"", reply="")
        assert (await agent.heartbeat()).verdict == "granted"
        await agent.stop()


def test_the_wire_names_of_a_registration_are_kubernetes_own() -> None:
    assert "nodeInfo" in Registration(node="a", incarnation="b").model_dump(by_alias=True)
    assert HeartbeatReply(verdict="granted").resync is False
