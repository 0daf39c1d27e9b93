"""An agent without a grant: what must be one stops, stays stopped, and goes on only when the hub has named it again."""

from __future__ import annotations

import pytest

from node_agent.membership.lease import Lease
from proto.clock import LoopClock
from proto.disconnection import Disconnection
from proto.objects.meta import OwnerReference, evolve
from proto.objects.pod import DisconnectPolicy, Pod
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.virtual import in_virtual_time
from tests.waiting import eventually

SET = OwnerReference(api_version="apps/v1", kind="StatefulSet", name="db", uid="uid-db", controller=True)


def member(name: str = "db-0", *containers: dict[str, object], stop_after_s: int | None = None) -> Pod:
    said = None if stop_after_s is None else DisconnectPolicy(stop_after_seconds=stop_after_s)
    made = pod(name, *containers, disconnect=said)
    return evolve(made, **{"metadata.owner_references": (SET,)})


async def running(cluster: Cluster) -> set[str]:
    return {state.id for state in await cluster.runtime.list() if state.running}


@pytest.mark.parametrize("dies", [False, True], ids=["agent-cut-off", "agent-dead"])
def test_what_must_be_one_is_stopped_in_time(dies: bool) -> None:
    @scenario
    async def story(cluster: Cluster) -> None:
        agent = await cluster.start_agent()
        for one in (member(), member("db-1", fake("--ignore-term")), member("db-2", stop_after_s=40), pod()):
            await cluster.hub.assign(one)
            await cluster.hub.running(one.metadata.uid)
        cluster.network.partition("machine-2")
        if dies:
            await cluster.kill(agent)
        await cluster.clock.sleep(8)
        assert len(await running(cluster)) == 4
        await cluster.clock.sleep(7)
        assert await running(cluster) == {"u-db-2.app.0", "u-web.app.0"}
        await cluster.clock.sleep(25)
        assert await running(cluster) == {"u-web.app.0"}

    story()


@scenario
async def test_it_goes_on_when_the_hub_has_named_it_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(member())
    await cluster.hub.running("u-db-0")
    cluster.network.partition("machine-2")
    await cluster.clock.sleep(60)
    assert not await running(cluster)
    syncs = cluster.hub.syncs
    cluster.hub.reports.clear()
    cluster.network.heal("machine-2")
    await eventually(lambda: running(cluster), within_s=5)
    assert cluster.hub.syncs > syncs
    assert await cluster.hub.running("u-db-0") == "u-db-0.app.1"
    last = cluster.hub.status("u-db-0").container_statuses[0].last_state.terminated
    assert last is not None and (last.reason, last.exit_code) == ("Fenced", 143)
    assert "lease was not renewed" in last.message


@scenario
async def test_after_a_cut_shorter_than_the_lease_the_hub_is_asked_too(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(member("db-0", stop_after_s=5))
    await cluster.hub.running("u-db-0")
    cluster.network.partition("machine-2")
    await cluster.clock.sleep(8)
    assert not await running(cluster)
    cluster.network.heal("machine-2")
    await eventually(lambda: running(cluster), within_s=5)
    await cluster.hub.assign(member("db-1", stop_after_s=5))
    assert await cluster.hub.running("u-db-1", within_s=5)


@scenario
async def test_it_does_not_go_on_when_it_was_replaced(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(member())
    await cluster.hub.running("u-db-0")
    cluster.network.partition("machine-2")
    await cluster.clock.sleep(20)
    await cluster.hub.take_away("u-db-0")
    cluster.network.heal("machine-2")
    lives: set[str] = set()
    for _ in range(100):
        await cluster.clock.sleep(0.1)
        lives |= await running(cluster)
    assert not lives
    assert not await cluster.runtime.list()


@scenario
async def test_a_restarted_agent_starts_it_only_under_a_grant_of_its_own(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(member("db-0", fake("--exit-after", "5")))
    await cluster.hub.running("u-db-0")
    await cluster.kill(agent)
    cluster.network.partition("hub")
    await cluster.start_agent(join=False)
    await cluster.clock.sleep(8)
    assert not await running(cluster)
    cluster.network.heal("hub")
    await eventually(lambda: running(cluster), within_s=5)


WITH_LEASE = Disconnection(stops=True)
LONG = Disconnection(stops=True, stop_after_s=60)


@in_virtual_time
async def test_a_gap_is_closed_by_an_answer_to_a_question_asked_after_it() -> None:
    clock = LoopClock()
    lease = Lease(clock)
    assert lease.allows(Disconnection())
    assert not lease.allows(WITH_LEASE)
    assert lease.grant(clock.monotonic_s(), 15)
    assert not lease.allows(WITH_LEASE)
    lease.confirm(clock.monotonic_s())
    assert lease.allows(WITH_LEASE) and lease.allows(LONG)

    await clock.sleep(20)
    asked_s = clock.monotonic_s()
    assert not lease.allows(WITH_LEASE)
    assert lease.allows(LONG)
    await clock.sleep(1)
    assert lease.grant(clock.monotonic_s(), 15)
    lease.confirm(asked_s)
    assert not lease.allows(WITH_LEASE)
    assert lease.allows(LONG)
    assert not lease.grant(clock.monotonic_s(), 15)
    lease.confirm(clock.monotonic_s())
    assert lease.allows(WITH_LEASE)
