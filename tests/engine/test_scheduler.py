"""The scheduler's hands: bind, explain, try again when something relevant changes, and give back what failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from control_plane.engine.pending import PendingPods
from control_plane.scheduling import Change
from proto.clock import EPOCH
from proto.objects.core import Event
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod, PodSchedulingGate
from tests.hub.scene import Scene, pod, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually


def scheduled(on: Scene, name: str) -> tuple[str, str, str]:
    condition = find_condition(on.pod(name).status.conditions, "PodScheduled")
    assert condition is not None, f"nothing is said of {name}"
    return condition.status, condition.reason, condition.message


@in_virtual_time
async def test_a_pod_that_fits_nowhere_says_why_and_is_placed_when_that_changes() -> None:
    async with scene() as on:
        await on.ground.create(pod("p"))
        await eventually(lambda: scheduled(on, "p")[:2] == ("False", "Unschedulable"))
        assert scheduled(on, "p")[2] == "no nodes available to schedule pods"
        agent = on.agent("n1", "one")
        await agent.join()
        await eventually(lambda: on.pod("p").spec.node_name == "n1")
        assert scheduled(on, "p")[0] == "True"
        await eventually(
            lambda: {"FailedScheduling", "Scheduled"} <= {event.reason for event in on.replica.mirror.list(Event)}
        )
        await agent.stop()


@in_virtual_time
async def test_a_pod_with_gates_is_placed_when_the_last_is_taken_away() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        gates = (PodSchedulingGate(name="a"), PodSchedulingGate(name="b"))
        await on.ground.create(pod("gated", scheduling_gates=gates))
        for left in (gates, gates[1:]):
            gated = on.pod("gated")
            await on.ground.user.put(evolve(gated, **{"spec.scheduling_gates": left}), gated.metadata.revision)
            name = f"free-{len(left)}"
            await on.ground.create(pod(name))
            await eventually(lambda name=name: on.pod(name).spec.node_name)
            assert scheduled(on, "gated")[1] == "SchedulingGated"
        free = evolve(on.pod("gated"), **{"spec.scheduling_gates": ()})
        await on.ground.user.put(free, free.metadata.revision)
        await eventually(lambda: on.pod("gated").spec.node_name == "n1")
        assert scheduled(on, "gated")[0] == "True"
        await agent.stop()


@in_virtual_time
async def test_an_irrelevant_change_tries_nothing_and_writes_nothing() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.ground.create(pod("p", node_selector={"zone": "b"}))
        await eventually(lambda: scheduled(on, "p")[0] == "False")
        before = on.pod("p").metadata.revision
        await on.ground.create(pod("q"))
        await eventually(lambda: on.pod("q").spec.node_name)
        await asyncio.sleep(5)
        assert on.pod("p").metadata.revision == before
        node = on.node("n1")
        labels = {**node.metadata.labels, "zone": "b"}
        await on.ground.user.put(evolve(node, **{"metadata.labels": labels}), node.metadata.revision)
        await eventually(lambda: on.pod("p").spec.node_name == "n1", within_s=1)
        await agent.stop()


@in_virtual_time
async def test_room_is_never_given_twice_and_a_failed_bind_gives_it_back() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.register(capacity={"cpu": "1", "pods": "10"}, allocatable={"cpu": "1", "pods": "10"})
        heavy = {"name": "c", "resources": {"requests": {"cpu": "600m"}}}
        on.replica.store.lose_acks = 1
        await on.ground.create(pod("p", containers=[heavy]), pod("q", containers=[heavy]))
        await eventually(lambda: sum(bool(each.spec.node_name) for each in on.replica.mirror.list(Pod)) == 1)
        await asyncio.sleep(2)
        (bound,) = [each for each in on.replica.mirror.list(Pod) if each.spec.node_name]
        await on.ground.user.delete(bound, bound.metadata.revision)
        await eventually(lambda: [each.spec.node_name for each in on.replica.mirror.list(Pod)] == ["n1"])


@in_virtual_time
async def test_pods_that_come_together_are_spread_and_all_bound() -> None:
    async with scene() as on:
        for number in range(4):
            await on.agent(f"n{number}", f"i{number}").register()
        await asyncio.gather(*(on.ground.create(pod(f"p{number}")) for number in range(200)))
        await eventually(lambda: all(each.spec.node_name for each in on.replica.mirror.list(Pod)), within_s=2)


@in_virtual_time
async def test_a_store_that_is_away_only_delays() -> None:
    async with scene() as on:
        await on.agent("n1", "one").register()
        on.ground.server.unavailable = True
        await asyncio.sleep(0.5)
        on.ground.server.unavailable = False
        await on.ground.create(pod("p"))
        await eventually(lambda: on.pod("p").spec.node_name)


@pytest.mark.parametrize(
    ("hint", "woken"),
    [(Change.NODE_ADDED, ["a"]), (Change.POD_GONE, ["a", "b"]), (Change.NODE_TAINTS, [])],
    ids=["one helps one", "one helps all", "one helps none"],
)
def test_a_change_wakes_those_whom_it_may_help(hint: Change, woken: list[str]) -> None:
    pending = PendingPods()
    pending.park(pod("a"), Change.NODE_ADDED | Change.POD_GONE)
    pending.park(pod("b"), Change.POD_GONE)
    pending.hint(hint)
    pending.wake()
    assert [each.metadata.name for each in pending.take(10)] == woken


def test_a_parked_pod_stays_parked_when_only_its_status_changes() -> None:
    pending = PendingPods()
    pending.park(pod("a"), Change.NODE_ADDED)
    pending.put(evolve(pod("a"), **{"status.message": "told"}))
    assert (len(pending), pending.parked) == (0, 1)
    pending.put(pod("a", node_selector={"b": "c"}))
    assert (len(pending), pending.parked) == (1, 0)


def test_the_most_important_have_their_turn_first_then_the_oldest() -> None:
    pending = PendingPods()
    for name, priority, age_s in (("low", 0, 9), ("young", 5, 1), ("old", 5, 7), ("high", 9, 0)):
        made = pod(name, priority=priority)
        pending.put(evolve(made, **{"metadata.creation_timestamp": EPOCH - timedelta(seconds=age_s)}))
    pending.drop(("default", "young"))
    assert [each.metadata.name for each in pending.take(1)] == ["high"]
    assert [each.metadata.name for each in pending.take(9)] == ["old", "low"]
    assert len(pending) == 0


HALF = {"name": "c", "resources": {"requests": {"cpu": "600m"}}}


def important(name: str, **spec: object) -> Pod:
    return pod(name, containers=[HALF], priority=10, **spec)


@asynccontextmanager
async def full_machine() -> AsyncIterator[Scene]:
    """One machine, with one unimportant pod that leaves room for no other."""
    async with scene() as on:
        await on.agent("n1", "one").register(
            capacity={"cpu": "1", "pods": "10"}, allocatable={"cpu": "1", "pods": "10"}
        )
        await on.ground.create(pod("low", containers=[HALF]))
        await eventually(lambda: on.pod("low").spec.node_name == "n1")
        yield on


def reasons(on: Scene, name: str) -> set[str]:
    return {event.reason for event in on.replica.mirror.list(Event) if event.involved_object.name == name}


@in_virtual_time
async def test_room_is_made_for_who_matters_more_and_kept_until_the_victim_is_gone() -> None:
    async with full_machine() as on:
        await on.ground.create(important("high"))
        await eventually(lambda: on.pod("low").deleting)
        victim = on.pod("low")
        assert victim.metadata.deletion_grace_period_seconds == 30
        target = find_condition(victim.status.conditions, "DisruptionTarget")
        assert target is not None and (target.status, target.reason) == ("True", "PreemptionByScheduler")
        assert target.message == "default-scheduler: preempting to accommodate a higher priority pod"
        assert on.pod("high").status.nominated_node_name == "n1"
        assert scheduled(on, "high")[2] == "0/1 nodes are available: 1 Insufficient cpu."
        await on.ground.create(pod("thief", containers=[HALF]))
        await eventually(lambda: scheduled(on, "thief")[0] == "False", within_s=1)
        await on.ground.user.delete(on.pod("low"), on.pod("low").metadata.revision)
        await eventually(lambda: on.pod("high").spec.node_name == "n1")
        assert on.pod("high").status.nominated_node_name == ""
        assert scheduled(on, "thief")[2] == (
            "0/1 nodes are available: 1 Insufficient cpu. "
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
        )
        await eventually(lambda: "Preempted" in reasons(on, "low"))


@in_virtual_time
async def test_a_pod_that_may_not_preempt_waits() -> None:
    async with full_machine() as on:
        await on.ground.create(important("polite", preemption_policy="Never"))
        await eventually(lambda: scheduled(on, "polite")[0] == "False")
        await asyncio.sleep(5)
        assert not on.pod("low").deleting
        assert scheduled(on, "polite")[2].endswith("preemption: not eligible due to preemptionPolicy=Never.")
