"""What was left over on a node: found, told and removed when somebody asks, and never what belongs to a pod."""

from __future__ import annotations

from dataclasses import replace

from node_agent.runtime.abilities import Swept
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import ContainerSpec, LogPolicy, RuntimeUnavailable
from node_agent.storage.memory import MemoryStorage
from proto import codec, subjects
from proto.bus.memory import MemoryBus
from proto.clock import EPOCH
from proto.node import CleanReply, CleanRequest
from tests.agent.cluster import NODE, Cluster, scenario
from tests.agent.pods import pod


async def clean(cluster: Cluster, *, dry_run: bool = False) -> CleanReply:
    request = codec.pack(CleanRequest(dry_run=dry_run))
    answer = await cluster.hub.bus.request(subjects.node_down(NODE, "clean"), request, timeout_s=10)
    return codec.unpack(answer.data, CleanReply)


def told(reply: CleanReply) -> list[tuple[str, str, str]]:
    return [(each.kind, each.name, each.outcome) for each in reply.leftovers]


async def stray(cluster: Cluster, container_id: str, *argv: str) -> None:
    """A container that no pod has, with the directory it ran in."""
    uid = container_id.partition(".")[0]
    cluster.storage.prepare_pod(uid)
    log = LogPolicy(cluster.storage.log_path(uid, "main", 0))
    await cluster.runtime.start(ContainerSpec(container_id, argv or ("fake",), log))


class StubbornRuntime(FakeRuntime):
    """A runtime that removes nothing."""

    async def remove(self, container_id: str) -> None:
        raise RuntimeUnavailable("the supervisor is out of reach")


@scenario
async def test_what_belongs_to_a_pod_is_not_left_over(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    assert told(await clean(cluster)) == []
    assert len(await cluster.runtime.list()) == 1


@scenario
async def test_leftovers_are_told_then_removed(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.clock.sleep(1)
    await stray(cluster, "u-old.main.0")
    cluster.storage.prepare_pod("u-older")
    await cluster.clock.sleep(1)
    found = [
        ("Container", "u-old.main.0", "Found"),
        ("PodDirectory", "u-old", "Found"),
        ("PodDirectory", "u-older", "Found"),
    ]
    assert told(await clean(cluster, dry_run=True)) == found
    assert told(await clean(cluster, dry_run=True)) == found, "a dry run removes nothing"
    assert told(await clean(cluster)) == [(kind, name, "Removed") for kind, name, _ in found]
    assert (await cluster.runtime.list(), cluster.storage.pod_uids()) == ((), frozenset())
    assert told(await clean(cluster)) == []


@scenario
async def test_one_that_takes_its_time_to_end_is_not_waited_for(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.clock.sleep(1)
    await stray(cluster, "u-old.main.0", "fake", "--ignore-term")
    await cluster.clock.sleep(1)
    assert told(await clean(cluster)) == [
        ("Container", "u-old.main.0", "Terminating"),
        ("PodDirectory", "u-old", "Terminating"),
    ]
    await cluster.clock.sleep(60)
    assert told(await clean(cluster)) == []


@scenario
async def test_before_the_hub_has_told_everything_nothing_is_called_left_over(cluster: Cluster) -> None:
    cluster.storage = MemoryStorage()
    await stray(cluster, "u-old.main.0")
    cluster.network.disconnect("hub")
    await cluster.start_agent(join=False)
    await cluster.clock.sleep(5)
    request = codec.pack(CleanRequest())
    stranger = MemoryBus(cluster.network, "stranger")
    answer = await stranger.request(subjects.node_down(NODE, "clean"), request, timeout_s=10)
    reply = codec.unpack(answer.data, CleanReply)
    assert reply.refused == "its agent has not heard yet which pods belong to it"
    assert reply.leftovers == ()
    assert len(await cluster.runtime.list()) == 1


class SweepingRuntime(FakeRuntime):
    """A runtime that knows of one group without a container."""

    def __init__(self) -> None:
        super().__init__(boot_epoch_s=EPOCH.timestamp())
        self.left: tuple[Swept, ...] = ()
        self.reachable = True

    async def sweep(self, *, dry_run: bool = False) -> tuple[Swept, ...]:
        if not self.reachable:
            raise RuntimeUnavailable("the supervisor is out of reach")
        found = self.left
        if not dry_run:
            self.left = ()
        return tuple(replace(each, removed=not dry_run) for each in found)


@scenario
async def test_control_groups_of_no_container_are_left_over_too(cluster: Cluster) -> None:
    cluster.runtime = runtime = SweepingRuntime()
    await cluster.start_agent()
    await cluster.clock.sleep(1)
    runtime.left = (Swept("u-old.main.0", (17,)),)
    assert told(await clean(cluster, dry_run=True)) == [("ControlGroup", "u-old.main.0", "Found")]
    assert told(await clean(cluster)) == [("ControlGroup", "u-old.main.0", "Removed")]
    assert told(await clean(cluster)) == []
    runtime.left, runtime.reachable = (Swept("u-old.main.1"),), False
    assert told(await clean(cluster)) == [], "what cannot be told now is told the next time"


@scenario
async def test_what_cannot_be_removed_says_why(cluster: Cluster) -> None:
    cluster.runtime = StubbornRuntime()
    await cluster.start_agent()
    await cluster.clock.sleep(1)
    await stray(cluster, "u-old.main.0")
    await cluster.clock.sleep(1)
    (failed,) = (await clean(cluster)).leftovers
    assert (failed.name, failed.outcome, failed.problem) == ("u-old.main.0", "Failed", "the supervisor is out of reach")
