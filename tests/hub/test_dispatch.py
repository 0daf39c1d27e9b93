"""Assignments: what a node is told, that losses heal, and that reports become status."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.hub.assigned import (
    TOGETHER_MAX,
    Wanted,
    fitting_full,
    fitting_groups,
    node_need_not_know,
    version_of,
    wanted,
)
from control_plane.hub.intake import with_status
from control_plane.store.deletion import DeleteOptions, Marking, for_delete
from control_plane.store.mirror import Mirror
from proto import codec
from proto.clock import EPOCH
from proto.node import Assignments
from proto.objects.container import Container
from proto.objects.core import ConfigMap
from proto.objects.env import EnvFromSource
from proto.objects.health import PodReadinessGate
from proto.objects.meta import Condition, ObjectMeta, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from proto.objects.secret import Secret
from tests.engine.replicas import Ground, replicas
from tests.hub.agent import running
from tests.hub.scene import Scene, pod, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually


def config_pod(name: str, config: str, node: str = "n1") -> Pod:
    source = EnvFromSource.model_validate({"config_map_ref": {"name": config}})
    return pod(name, node, containers=[Container(name="c", env_from=(source,))])


@in_virtual_time
async def test_a_lost_message_heals_by_the_digest() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        agent.deaf = True
        await on.ground.create(pod("p", "n1"), pod("q", "n1"))
        await eventually(lambda: len(agent.held) == 2, within_s=4)
        agent.deaf = False
        await agent.stop()


@in_virtual_time
async def test_what_changes_in_one_turn_is_one_message_and_a_status_is_none() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await asyncio.gather(*(on.ground.create(pod(f"p{number}", "n1")) for number in range(20)))
        await eventually(lambda: len(agent.held) == 20)
        count = len(agent.messages)
        assert count <= 4
        await agent.report(on.pod("p1"), running())
        await asyncio.sleep(3)
        assert len(agent.messages) == count
        assert not (await agent.heartbeat()).resync
        await agent.stop()


@in_virtual_time
async def test_config_comes_with_the_pod_and_its_changes_follow() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.ground.create(config_pod("p", "settings"))
        await eventually(lambda: agent.held)
        (uid,) = agent.held
        assert agent.held[uid].config == {}
        await on.ground.create(ConfigMap(metadata=ObjectMeta(name="settings", namespace="default"), data={"a": "1"}))
        await eventually(lambda: agent.held[uid].config == {"settings": {"a": "1"}})
        stored = on.replica.mirror.get(ConfigMap, "default", "settings")
        assert stored is not None
        await on.ground.user.put(evolve(stored, data={"a": "2"}), stored.metadata.revision)
        await eventually(lambda: agent.held[uid].config == {"settings": {"a": "2"}})
        await agent.stop()


@in_virtual_time
async def test_a_secret_goes_to_the_node_whose_pod_needs_it_and_to_no_other() -> None:
    async with scene() as on:
        needing, other = on.agent("n1", "one"), on.agent("n2", "two")
        await needing.join()
        await other.join()
        source = EnvFromSource.model_validate({"secret_ref": {"name": "passwords"}})
        await on.ground.create(
            pod("p", "n1", containers=[Container(name="c", env_from=(source,))]), pod("q", "n2"),
            ConfigMap(metadata=ObjectMeta(name="passwords", namespace="default"), data={"not": "this"}),
        )  # fmt: skip
        await eventually(lambda: needing.held and other.held)
        (uid,) = needing.held
        metadata = ObjectMeta(name="passwords", namespace="default")
        await on.ground.create(Secret(metadata=metadata, data={"a": "MQ=="}))
        await eventually(lambda: needing.held[uid].secrets == {"passwords": {"a": "MQ=="}})
        stored = on.replica.mirror.get(Secret, "default", "passwords")
        assert stored is not None
        await on.ground.user.delete(stored, stored.metadata.revision)
        await eventually(lambda: needing.held[uid].secrets == {})
        assert needing.held[uid].config == {}
        assert [assignment.secrets for assignment in other.held.values()] == [{}]
        await needing.stop()
        await other.stop()


@in_virtual_time
async def test_a_deleted_pod_goes_when_its_node_says_that_it_is_gone() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.ground.create(pod("p", "n1"))
        await eventually(lambda: agent.held)
        told = on.pod("p")
        assert (await agent.report(told, running(), gone=True)).accepted == (told.metadata.uid,)
        assert not on.pod("p").deleting

        decided = for_delete(on.pod("p"), DeleteOptions(), on.ground.clock.now())
        assert isinstance(decided, Marking)
        await on.ground.user.put(decided.object, on.pod("p").metadata.revision)
        await eventually(lambda: next(iter(agent.held.values())).pod.deleting)
        await agent.report(told, PodStatus(phase="Succeeded"), gone=True)
        await eventually(lambda: on.replica.mirror.get(Pod, "default", "p") is None)
        await eventually(lambda: not agent.held)
        await agent.stop()


@in_virtual_time
async def test_reports_about_strangers_are_let_go_of_and_change_nothing() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.agent("n2", "other").register()
        await on.ground.create(pod("elsewhere", "n2"), pod("p", "n1"))
        await eventually(lambda: agent.held)
        await eventually(lambda: on.pod("elsewhere"))
        never = evolve(on.pod("p"), **{"metadata.uid": "another-life"})
        elsewhere = on.pod("elsewhere")
        for each in (never, elsewhere):
            assert (await agent.report(each, running())).accepted == (each.metadata.uid,)
        assert on.pod("p").status.phase == on.pod("elsewhere").status.phase == "Pending"
        other = on.agent("n1", "two")
        reply = await other.report(on.pod("p"), running())
        assert (reply.verdict, reply.accepted) == ("register", ())
        await agent.stop()


@in_virtual_time
async def test_a_report_is_not_acknowledged_while_it_cannot_be_written() -> None:
    async with scene() as on:
        agent = on.agent("n1", "one")
        await agent.join()
        await on.ground.create(pod("p", "n1"))
        await eventually(lambda: agent.held)
        on.ground.server.unavailable = True
        assert (await agent.report(on.pod("p"), running())).accepted == ()
        on.ground.server.unavailable = False
        assert (await agent.report(on.pod("p"), running())).accepted == (on.pod("p").metadata.uid,)
        assert on.pod("p").status.phase == "Running"
        await agent.stop()


@in_virtual_time
async def test_a_new_leader_resends_nothing_that_is_held_and_at_once_what_is_not() -> None:
    ground = Ground()
    async with replicas(ground, "a", "b") as (a, b):
        leader, other = (a, b) if a.election.leading else (b, a)
        on = Scene(ground, other)
        agent = on.agent("n1", "one")
        await agent.join()
        await ground.create(pod("p", "n1"))
        await eventually(lambda: agent.held)
        await agent.report(on.pod("p"), running())
        leader.store.away = True
        await eventually(lambda: other.election.leading)
        await eventually(lambda: other.leadership.hub is not None)
        assert not (await agent.heartbeat()).resync
        agent.held.clear()
        assert (await agent.heartbeat()).resync is False
        assert (await agent.heartbeat()).resync
        await agent.stop()


def test_the_version_of_a_pod_is_what_its_node_needs_to_know() -> None:
    plain = evolve(pod("p", "n1"), **{"metadata.uid": "u", "metadata.generation": 1})
    version = version_of(plain, ())
    assert version_of(evolve(plain, **{"status.phase": "Running", "metadata.resource_version": "7"}), ()) == version
    assert version_of(evolve(plain, **{"metadata.labels": {"a": "b"}}), ()) != version
    assert version_of(plain, ("settings uid 3",)) != version
    gated = evolve(plain, **{"spec.readiness_gates": (PodReadinessGate(condition_type="example.com/open"),)})
    opened = evolve(gated, **{"status.conditions": (Condition(type="example.com/open", status="True"),)})
    other = evolve(gated, **{"status.conditions": (Condition(type="example.com/other", status="True"),)})
    assert version_of(opened, ()) != version_of(gated, ()) == version_of(other, ())
    assert not node_need_not_know(gated, opened) and node_need_not_know(gated, other)
    assert int(version_of(evolve(plain, **{"metadata.generation": 2}), ())) > int(version)


def big(number: int, config_bytes: int) -> Wanted:
    mirror = Mirror.of(
        ConfigMap(metadata=ObjectMeta(name="s", namespace="default", uid="c"), data={"k": "x" * config_bytes})
    )
    return wanted(evolve(config_pod(f"p{number}", "s"), **{"metadata.uid": f"u{number}"}), mirror)


def test_a_full_message_withholds_the_greatest_configs_and_never_a_pod() -> None:
    pods = [big(1, 10), big(2, 5_000), big(3, 9_000)]
    data, withheld = fitting_full(pods, 1, 8_000)
    message = codec.unpack(data, Assignments)
    assert len(data) <= 8_000
    assert message.full
    assert [each.pod.metadata.name for each in message.pods] == ["p1", "p2", "p3"]
    assert [each.assignment.pod.metadata.name for each in withheld] == ["p3"]
    assert message.pods[2].config == {}
    assert message.pods[2].pod.metadata.resource_version == "0"


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [((), []), ((0, 0), [2]), ((3_000, 3_000, 3_000), [1, 1, 1]), ((3_000, 10, 10, 3_000), [3, 1])],
    ids=["none", "small ones", "one each", "as many as fit"],
)
def test_changes_are_grouped_to_fit_messages(sizes: tuple[int, ...], groups: list[int]) -> None:
    pods = [big(number, size) for number, size in enumerate(sizes)]
    assert [len(group) for group in fitting_groups(pods, 5_000)] == groups


def test_no_message_has_more_pods_than_its_reader_should_hold_at_once() -> None:
    pods = [big(number, 0) for number in range(2 * TOGETHER_MAX + 1)]
    groups = fitting_groups(pods, 1_000_000)
    assert [len(group) for group in groups] == [TOGETHER_MAX, TOGETHER_MAX, 1]
    assert [pod for group in groups for pod in group] == pods


READY = Condition(type="Ready", status="True", last_transition_time=EPOCH)
PLACED = Condition(type="PodScheduled", status="True", last_transition_time=EPOCH)


@pytest.mark.parametrize(
    ("before", "reported", "phase", "conditions"),
    [
        (PodStatus(conditions=(PLACED,)), running(), "Running", {"PodScheduled": "True", "Ready": "True"}),
        (
            PodStatus(conditions=(PLACED,)),
            PodStatus(phase="Running", conditions=(Condition(type="PodScheduled", status="False"),)),
            "Running",
            {"PodScheduled": "True"},
        ),
        (PodStatus(phase="Failed", reason="Evicted"), running(), "Failed", {}),
        (PodStatus(phase="Running", conditions=(READY,)), running(False), "Running", {"Ready": "False"}),
    ],
    ids=["what others wrote is kept", "only the scheduler says scheduled", "finished stays finished", "ready or not"],
)
def test_a_report_is_merged(before: PodStatus, reported: PodStatus, phase: str, conditions: dict[str, str]) -> None:
    merged = with_status(evolve(pod("p", "n1"), status=before), reported, EPOCH).status
    assert merged.phase == phase
    assert {condition.type: condition.status for condition in merged.conditions} == conditions


def test_the_same_report_again_changes_nothing() -> None:
    once = with_status(pod("p", "n1"), running(), EPOCH)
    assert with_status(once, running(), EPOCH) is once
    ready = find_condition(once.status.conditions, "Ready")
    assert ready is not None
    assert ready.last_transition_time == EPOCH
