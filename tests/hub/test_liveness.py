"""Silence: when it is a verdict, when it is not, and what becomes of nodes and pods."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.hub.hearing import Hearing
from control_plane.hub.wheel import Wheel
from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.objects.coordination import Lease
from proto.objects.core import Node, NodeUsage
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Toleration
from tests.engine.replicas import Ground, replicas
from tests.engine.test_election import SkippingClock
from tests.hub.agent import running
from tests.hub.scene import Scene, pod, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually

STAYS = (Toleration(operator="Exists"),)
"""Tolerates everything: the pod is not evicted from a lost node."""


@in_virtual_time
async def test_a_node_is_lost_after_its_grace_and_well_again_when_it_is_heard() -> None:
    async with scene() as on:
        agent, other = on.agent("n1", "one"), on.agent("n2", "two")
        await agent.join()
        await other.join()
        await on.ground.create(pod("p", "n1", tolerations=STAYS))
        await eventually(lambda: agent.held)
        await agent.report(on.pod("p"), running())
        assert on.pod_ready("p") == ("True", "")

        await agent.stop()
        silent_s = on.ground.clock.monotonic_s()
        await eventually(lambda: on.ready("n1") == ("Unknown", "NodeStatusUnknown"))
        assert 2.2 < on.ground.clock.monotonic_s() - silent_s < 3.3
        await eventually(lambda: on.pod_ready("p") == ("False", "NodeLost"))
        assert on.ready("n2")[0] == "True"

        assert (await agent.heartbeat()).verdict == "granted"
        await eventually(lambda: on.ready("n1") == ("True", "AgentReady"))
        await eventually(lambda: on.pod_ready("p") == ("True", ""))
        await other.stop()


@in_virtual_time
async def test_those_who_fall_silent_with_everybody_are_lost_together() -> None:
    async with scene() as on:
        agents = [on.agent(f"n{number}", f"life-{number}") for number in range(3)]
        for agent in agents:
            await agent.join()
            await asyncio.sleep(0.35)

        for agent in agents:
            await agent.stop()

        def lost() -> int:
            return sum(on.ready(f"n{number}")[0] == "Unknown" for number in range(3))

        await eventually(lost, every_s=0.01)
        first_s = on.ground.clock.monotonic_s()
        await eventually(lambda: lost() == 3, every_s=0.01)
        assert on.ground.clock.monotonic_s() - first_s < 0.05


@in_virtual_time
async def test_heartbeats_write_nothing() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.register()
        await asyncio.sleep(2)
        before = on.node("n1").metadata.revision
        for _ in range(100):
            await agent.heartbeat()
        assert on.node("n1").metadata.revision == before


@in_virtual_time
async def test_leases_and_usage_are_shown_at_a_slow_pace() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        agent.usage = NodeUsage(cpu="1500m", memory="1Gi", pods=0)

        def lease() -> Lease:
            found = on.replica.mirror.get(Lease, "kube-node-lease", "n1")
            assert found is not None
            return found

        await asyncio.sleep(25)
        assert on.node("n1").status.usage == agent.usage
        renewed = lease()
        assert renewed.spec.renew_time is not None
        assert (on.ground.clock.now() - renewed.spec.renew_time).total_seconds() < 11
        before = on.ground.server.revision
        await asyncio.sleep(60)
        assert lease().spec.renew_time != renewed.spec.renew_time
        assert on.ground.server.revision - before < 20
        await agent.stop()


@in_virtual_time
async def test_who_leads_is_shown() -> None:
    async with scene() as on:
        await eventually(lambda: on.replica.mirror.get(Lease, "kube-system", "setpoint-control-plane"))
        lease = on.replica.mirror.get(Lease, "kube-system", "setpoint-control-plane")
        assert lease is not None
        assert (lease.spec.holder_identity, lease.spec.lease_transitions) == ("a", 1)


@in_virtual_time
async def test_conditions_of_the_agent_reach_its_node() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.register(conditions=[{"type": "CgroupLimits", "status": "False", "reason": "ReadOnly"}])
        condition = find_condition(on.node("n1").status.conditions, "CgroupLimits")
        assert condition is not None
        assert condition.reason == "ReadOnly"


@in_virtual_time
async def test_the_verdict_is_written_again_if_someone_writes_another() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        stored = on.node("n1")
        lie = tuple(evolve(c, status="Unknown") if c.type == "Ready" else c for c in stored.status.conditions)
        await on.ground.user.put(evolve(stored, **{"status.conditions": lie}), stored.metadata.revision)
        await eventually(lambda: on.ready("n1")[0] == "Unknown", every_s=0)
        await eventually(lambda: on.ready("n1")[0] == "True")
        await agent.stop()


@in_virtual_time
async def test_a_leader_that_was_cut_off_blames_no_node() -> None:
    async with scene() as on:
        agents = [on.agent(f"n{number}", f"i{number}") for number in range(5)]
        for agent in agents:
            await agent.join()
        on.ground.network.partition("a")
        await asyncio.sleep(30)
        on.ground.network.heal("a")
        await asyncio.sleep(10)
        assert {on.ready(agent.node)[0] for agent in agents} == {"True"}
        assert all("unreachable" not in taint.key for agent in agents for taint in on.node(agent.node).spec.taints)
        for agent in agents:
            await agent.stop()


@in_virtual_time
async def test_a_new_leader_gives_everyone_a_full_grace_and_then_judges() -> None:
    ground = Ground()
    async with replicas(ground, "a", "b") as (a, b):
        leader, other = (a, b) if a.election.leading else (b, a)
        on = Scene(ground, other)
        alive, dead = on.agent("n1", "one"), on.agent("n2", "two")
        await alive.join()
        await dead.join()
        leader.store.away = True
        await dead.stop()
        await eventually(lambda: other.election.leading)
        began_s = ground.clock.monotonic_s()
        await eventually(lambda: on.ready("n2")[0] == "Unknown")
        assert 3.0 <= ground.clock.monotonic_s() - began_s < 3.5
        assert on.ready("n1")[0] == "True"
        await alive.stop()


@in_virtual_time
async def test_a_deleted_node_that_is_gone_stays_gone() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await agent.stop()
        await eventually(lambda: on.ready("n1")[0] == "Unknown")
        old = on.node("n1")
        await on.ground.user.delete(old, old.metadata.revision)
        await asyncio.sleep(30)
        assert on.replica.mirror.get(Node, "", "n1") is None
        assert on.replica.leadership.hub is not None
        assert on.replica.leadership.hub.sessions.get("n1") is None


@pytest.mark.parametrize(
    ("stall_s", "silence_s"),
    [(0.1, 0.1), (0.8, 0.25), (5.0, 0.0)],
    ids=["a tick counts", "a stall counts little", "a long break begins anew"],
)
def test_silence_counts_only_while_this_program_hears(stall_s: float, silence_s: float) -> None:
    @in_virtual_time
    async def check() -> None:
        clock = SkippingClock()
        hearing = Hearing(MemoryBus(MemoryNetwork(), "hub"), clock)
        echo = await hearing.listen()
        await hearing.tick()
        heard_s = hearing.now_s
        await asyncio.sleep(0)
        clock.skipped_s += stall_s
        await hearing.tick()
        assert hearing.silence_s(heard_s) == pytest.approx(silence_s, abs=0.01)
        await echo.unsubscribe()

    check()


@in_virtual_time
async def test_a_bus_that_brings_no_echo_proves_nothing() -> None:
    network = MemoryNetwork()
    bus = MemoryBus(network, "hub")
    hearing = Hearing(bus, SkippingClock())
    await hearing.listen()
    network.partition("hub")
    for _ in range(40):
        await hearing.tick()
        await asyncio.sleep(0.1)
    assert bus.connected
    assert hearing.silence_s(0.0) == 0.0


def test_the_wheel_moves_an_entry_once_a_turn_and_gives_up_what_is_due() -> None:
    wheel: Wheel[str] = Wheel(0.1)
    due_s = {"a": 1.0, "b": 1.0}
    asked: list[str] = []

    def postponed(entry: str) -> float | None:
        asked.append(entry)
        return due_s.get(entry)

    for entry in due_s:
        wheel.add(entry, 1.0)
    due_s["b"] = 2.0
    found = {round(now / 10, 1): wheel.advance(now / 10, postponed) for now in range(31)}
    assert [(at, entries) for at, entries in found.items() if entries] == [(1.1, ["a"]), (2.1, ["b"])]
    assert asked == ["a", "b", "b"]
    wheel.add("c", 5.0)
    assert wheel.advance(9.9, postponed) == []
    assert "c" not in wheel
