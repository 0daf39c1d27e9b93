"""The agent on the in-memory bus with a scripted hub and fake processes, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import logging
from datetime import datetime

import pytest

from node_agent.containers.operations import Operations
from node_agent.membership.registration import NameRefused
from node_agent.plan.pod import plan_pod
from node_agent.plan.view import PodPlan, PodView, Start
from node_agent.pods import pods as pods_room
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import ContainerState
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import StateDirHeld
from proto import codec, subjects
from proto.clock import EPOCH
from proto.node import Assignment, Assignments
from proto.objects.meta import OwnerReference, evolve, find_condition
from proto.objects.pod import Pod
from tests.agent.cluster import NODE, Cluster, UnreliableRuntime, scenario
from tests.agent.pods import fake, pod
from tests.virtual import run_virtual
from tests.waiting import eventually


@scenario
async def test_registers_with_what_the_machine_is(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    (registration,) = cluster.hub.registrations
    assert registration.node == NODE
    assert registration.incarnation == agent.incarnation
    size = {"cpu": "4", "memory": "8388608Ki", "ephemeral-storage": "67108864Ki", "pods": "250"}
    assert registration.capacity == size
    assert registration.labels["zone"] == "a"
    assert registration.labels["kubernetes.io/hostname"] == NODE
    assert "setpoint.dev/agent-version" in registration.labels
    assert [(a.type, a.address) for a in registration.addresses] == [
        ("InternalIP", "10.0.0.1"),
        ("Hostname", "memory"),
    ]
    condition = find_condition(registration.conditions, "CgroupLimits")
    assert condition is not None and condition.status == "True"


@scenario
async def test_heartbeats_carry_sequence_and_digest_and_extend_the_lease(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.clock.sleep(20)
    sequences = [heartbeat.sequence for heartbeat in cluster.hub.heartbeats]
    assert sequences == list(range(1, len(sequences) + 1))
    assert 24 <= len(sequences) <= 30
    assert cluster.hub.heartbeats[-1].digest == cluster.hub.digest
    assert cluster.hub.heartbeats[-1].pods == 1
    assert 14 < agent.lease.remaining_s <= 15


@scenario
async def test_an_assigned_pod_runs_and_is_told_as_running(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    container_id = await cluster.hub.running("u-web")
    assert container_id == "u-web.app.0"
    status = cluster.hub.status("u-web")
    assert (status.phase, status.pod_ip, status.host_ip) == ("Running", "10.0.0.1", "10.0.0.1")
    ready = find_condition(status.conditions, "Ready")
    assert ready is not None and ready.status == "True"
    assert [event.reason for event in cluster.hub.events] == ["Started"]


@scenario
async def test_a_deleted_pod_ends_and_is_gone(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.hub.delete("u-web")
    report = await cluster.hub.gone("u-web")
    ended = report.status.container_statuses[0].state.terminated
    assert ended is not None and (ended.exit_code, ended.signal) == (143, 15)
    assert await cluster.runtime.list() == ()
    await eventually(lambda: not len(agent.pods))
    assert cluster.storage.pod_uids() == frozenset()
    assert "Killing" in [event.reason for event in cluster.hub.events]


@scenario
async def test_a_stubborn_pod_is_killed_after_its_grace(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--ignore-term")))
    await cluster.hub.running("u-web")
    began_s = cluster.clock.monotonic_s()
    await cluster.hub.delete("u-web", grace_s=7)
    await cluster.hub.gone("u-web")
    assert 7 <= cluster.clock.monotonic_s() - began_s < 8


@scenario
async def test_a_shorter_grace_is_heeded(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--ignore-term")))
    await cluster.hub.running("u-web")
    began_s = cluster.clock.monotonic_s()
    await cluster.hub.delete("u-web", grace_s=30)
    await cluster.clock.sleep(2)
    await cluster.hub.delete("u-web", grace_s=1)
    await cluster.hub.gone("u-web")
    assert 3 <= cluster.clock.monotonic_s() - began_s < 4


@scenario
async def test_a_pod_that_is_taken_away_ends_without_a_word(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.hub.take_away("u-web")
    await eventually(lambda: not len(agent.pods))
    assert await cluster.runtime.list() == ()
    assert not cluster.hub.reports["u-web"].gone


@scenario
async def test_a_crashing_container_backs_off_as_in_kubernetes(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--exit-after", "1", "--code", "3")))
    await cluster.clock.sleep(200)
    starts: list[float] = []
    for report in cluster.hub.history:
        running = report.status.container_statuses[0].state.running
        if running is not None and running.started_at is not None:
            starts.append((running.started_at - EPOCH).total_seconds())
    starts = sorted(set(starts))
    gaps = [round(later - earlier - 1) for earlier, later in itertools.pairwise(starts)]
    assert gaps == [0, 10, 20, 40, 80]
    status = cluster.hub.status("u-web").container_statuses[0]
    assert status.state.waiting is not None and status.state.waiting.reason == "CrashLoopBackOff"
    assert status.state.waiting.message == ("back-off 2m40s restarting failed container=app pod=web_default(u-web)")
    assert status.restart_count == 5
    assert status.last_state.terminated is not None
    assert (status.last_state.terminated.exit_code, status.last_state.terminated.reason) == (3, "Error")
    assert len(await cluster.runtime.list()) == 2, "the latest life and the one before are kept for their logs"
    assert "BackOff" in [event.reason for event in cluster.hub.events]


@scenario
async def test_a_program_that_cannot_start_fails_visibly(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--fail-start", "ENOENT"), restartPolicy="Never"))
    await eventually(lambda: cluster.hub.status("u-web").phase == "Failed")
    ended = cluster.hub.status("u-web").container_statuses[0].state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason) == (128, "StartError")
    assert "No such file" in ended.message


@scenario
async def test_an_image_leaves_the_pod_pending_with_a_reason(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", {"image": "nginx:1.27"}))
    await eventually(lambda: "u-web" in cluster.hub.reports)
    status = cluster.hub.status("u-web")
    waiting = status.container_statuses[0].state.waiting
    assert status.phase == "Pending" and waiting is not None
    assert waiting.reason == "ImagesNotSupported" and "images are not supported yet" in waiting.message


@scenario
async def test_a_missing_config_map_is_awaited(cluster: Cluster) -> None:
    await cluster.start_agent()
    reference = {"configMapKeyRef": {"name": "settings", "key": "level"}}
    web = pod("web", {"command": ["serve"], "env": [{"name": "LEVEL", "valueFrom": reference}]})
    await cluster.hub.assign(web)
    await eventually(lambda: "u-web" in cluster.hub.reports)
    waiting = cluster.hub.status("u-web").container_statuses[0].state.waiting
    assert waiting is not None
    assert (waiting.reason, waiting.message) == ("CreateContainerConfigError", 'configmap "settings" not found')
    await cluster.hub.assign(web, {"settings": {"level": "debug"}})
    await cluster.hub.running("u-web")


@scenario
async def test_a_killed_agent_leaves_its_pods_to_the_next_one(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod("web"))
    await cluster.hub.assign(pod("job", fake("--exit-after", "5", "--code", "4"), restartPolicy="Never"))
    await cluster.hub.running("u-web")
    await cluster.hub.running("u-job")
    await cluster.kill(agent)
    await cluster.clock.sleep(10)
    await cluster.start_agent()
    await eventually(lambda: cluster.hub.status("u-job").phase == "Failed")
    ended = cluster.hub.status("u-job").container_statuses[0].state.terminated
    assert ended is not None and ended.exit_code == 4
    assert cluster.hub.registrations[-1].previous_incarnation == agent.incarnation
    await cluster.clock.sleep(5)
    assert await cluster.hub.running("u-web") == "u-web.app.0", "nothing was restarted"


@scenario
async def test_without_a_hub_a_restarted_agent_goes_on_by_the_rules(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--exit-after", "5", "--code", "1")))
    await cluster.hub.running("u-web")
    await cluster.kill(agent)
    cluster.network.disconnect("hub")
    await cluster.clock.sleep(6)
    await cluster.start_agent(join=False)

    async def restarted() -> bool:
        return any(state.id == "u-web.app.1" and state.running for state in await cluster.runtime.list())

    await eventually(restarted)
    cluster.network.heal("hub")
    cluster.hub.reports.clear()
    assert await cluster.hub.running("u-web", within_s=30) != "u-web.app.0"


@scenario
async def test_lost_containers_are_told_as_unknown_and_restarted(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.kill(agent)
    cluster.runtime = FakeRuntime(boot_epoch_s=EPOCH.timestamp())
    await cluster.start_agent()
    await eventually(lambda: cluster.hub.status("u-web").container_statuses[0].container_id == "u-web.app.1")
    status = cluster.hub.status("u-web").container_statuses[0]
    assert status.restart_count == 1
    assert status.last_state.terminated is not None
    assert (status.last_state.terminated.exit_code, status.last_state.terminated.reason) == (
        137,
        "ContainerStatusUnknown",
    )


@scenario
async def test_a_rebooted_machine_starts_its_pods_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.runtime.reboot()
    await eventually(lambda: cluster.hub.status("u-web").container_statuses[0].restart_count == 1)
    assert await cluster.hub.running("u-web") == "u-web.app.1"


@scenario
async def test_what_ended_is_not_run_again_by_an_agent_that_forgot(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod("job", fake("--exit-after", "1"), restartPolicy="Never"))
    await eventually(lambda: cluster.hub.status("u-job").phase == "Succeeded")
    await cluster.kill(agent)
    told = cluster.hub.known["u-job"].pod.model_copy(update={"status": cluster.hub.status("u-job")})
    cluster.hub.holder = ""
    cluster.storage, cluster.runtime = MemoryStorage(), FakeRuntime(boot_epoch_s=EPOCH.timestamp())
    await cluster.start_agent()
    await cluster.hub.assign(told)
    await cluster.clock.sleep(30)
    assert await cluster.runtime.list() == ()
    assert cluster.hub.status("u-job").phase == "Succeeded"


@scenario
async def test_reports_are_sent_until_they_are_written(cluster: Cluster) -> None:
    await cluster.start_agent()
    cluster.hub.writable = False
    await cluster.hub.assign(pod())
    await cluster.clock.sleep(10)
    assert "u-web" not in cluster.hub.reports
    cluster.hub.writable = True
    await cluster.hub.running("u-web")


@scenario
async def test_a_pod_that_cannot_be_read_is_asked_for_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    good, syncs = pod(), cluster.hub.syncs
    cluster.hub.known[good.metadata.uid] = Assignment(pod=good)
    broken = {"pods": [codec.to_dict(Assignment(pod=good)), {"pod": "?"}], "epoch": 1, "digest": 0}
    await cluster.hub.bus.publish(subjects.node_down(NODE, "assign"), codec.pack_raw(broken))
    await cluster.hub.running("u-web")
    await eventually(lambda: cluster.hub.syncs > syncs, within_s=10)


@scenario
async def test_a_lost_assignment_is_noticed_by_the_digest(cluster: Cluster) -> None:
    await cluster.start_agent()
    cluster.network.link("machine-2").loss = 0.999
    await cluster.hub.assign(pod())
    cluster.network.link("machine-2").loss = 0.0
    await cluster.hub.running("u-web")
    assert cluster.hub.syncs >= 2


@scenario
async def test_a_hub_that_lost_its_memory_is_told_everything_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.hub.holder, cluster.hub.reports = "", {}
    await eventually(lambda: "u-web" in cluster.hub.reports)
    assert cluster.hub.holder == cluster.agents[0].incarnation
    assert await cluster.hub.running("u-web") == "u-web.app.0"


@scenario
async def test_a_silent_partition_leaves_the_workloads_alone(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.network.partition("machine-2")
    await cluster.clock.sleep(60)
    assert not agent.lease.valid
    assert [state.running for state in await cluster.runtime.list()] == [True]
    cluster.network.heal("machine-2")
    await eventually(lambda: agent.lease.valid)


@scenario
async def test_a_second_agent_of_the_name_is_refused_and_the_first_stays(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    other = MemoryStorage("/other")
    with pytest.raises(NameRefused, match="held by another agent"):
        await cluster.start_agent(storage=other, runtime=FakeRuntime())
    await cluster.clock.sleep(5)
    assert cluster.hub.holder == cluster.agents[0].incarnation
    assert await cluster.hub.running("u-web") == "u-web.app.0"


@scenario
async def test_a_refusal_is_not_believed_while_the_lease_runs_and_ends_the_pods_afterwards(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.hub.holder = "another"
    await cluster.clock.sleep(10)
    assert [state.running for state in await cluster.runtime.list()] == [True]
    with pytest.raises(NameRefused):
        await asyncio.wait_for(agent.run(), 30)
    assert await cluster.runtime.list() == ()


@scenario
async def test_two_agents_on_one_state_directory_are_refused(cluster: Cluster) -> None:
    await cluster.start_agent()
    with pytest.raises(StateDirHeld):
        await cluster.start_agent()
    cluster.agents.pop()


@scenario
async def test_left_over_containers_are_ended_only_after_the_hub_has_spoken(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.kill(agent)
    cluster.hub.known.clear()
    cluster.storage = MemoryStorage()
    cluster.hub.holder = ""
    cluster.network.disconnect("hub")
    await cluster.start_agent(join=False)
    await cluster.clock.sleep(30)
    assert len(await cluster.runtime.list()) == 1
    cluster.network.heal("hub")

    async def ended() -> bool:
        return await cluster.runtime.list() == ()

    await eventually(ended, within_s=60)


@scenario
async def test_a_free_port_is_chosen_told_and_kept_over_restarts(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    port = {"containerPort": 0, "name": "http"}
    await cluster.hub.assign(pod("web", fake("--exit-after", "5", ports=[port])))
    await cluster.hub.running("u-web")
    (told,) = cluster.hub.status("u-web").container_statuses[0].ports
    assert 20000 <= told.container_port < 30000
    await cluster.kill(agent)
    await cluster.clock.sleep(10)
    await cluster.start_agent()
    await eventually(lambda: cluster.hub.status("u-web").container_statuses[0].restart_count >= 1)
    assert cluster.hub.status("u-web").container_statuses[0].ports == (told,)


@scenario
async def test_two_pods_never_get_the_same_port(cluster: Cluster) -> None:
    await cluster.start_agent()
    for number in range(50):
        await cluster.hub.assign(pod(f"web-{number}", {"command": ["serve"], "ports": [{"containerPort": 0}]}))
    for number in range(50):
        await cluster.hub.running(f"u-web-{number}")
    ports = {cluster.hub.status(f"u-web-{n}").container_statuses[0].ports[0].container_port for n in range(50)}
    assert len(ports) == 50


@scenario
async def test_an_agent_without_pods_says_goodbye_and_one_with_pods_does_not(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await agent.stop()
    assert cluster.hub.goodbyes == 0
    agent = await cluster.start_agent()
    await cluster.hub.delete("u-web")
    await cluster.hub.gone("u-web")
    await eventually(lambda: not len(agent.pods))
    await agent.stop()
    assert cluster.hub.goodbyes == 1


@scenario
async def test_an_agent_that_leaves_waits_until_its_pods_are_handed_over(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    daemons = OwnerReference(api_version="apps/v1", kind="DaemonSet", name="d", uid="u-d", controller=True)
    await cluster.hub.assign(pod())
    await cluster.hub.assign(evolve(pod("daemon"), **{"metadata.owner_references": (daemons,)}))
    for uid in ("u-web", "u-daemon"):
        await cluster.hub.running(uid)
    leaving = asyncio.create_task(agent.leave(60))
    await eventually(lambda: cluster.hub.heartbeats[-1].leaving, within_s=0.2, what="the hub is told at once")
    await cluster.clock.sleep(5)
    assert not leaving.done(), "a pod is still here"
    await cluster.hub.delete("u-web")
    assert await asyncio.wait_for(leaving, 40) == ()
    assert "u-daemon" in agent.pods


@scenario
async def test_an_agent_leaves_pods_behind_when_its_time_is_over(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    began_s = cluster.clock.monotonic_s()
    (left,) = await agent.leave(7)
    assert left.metadata.uid == "u-web"
    assert 7 <= cluster.clock.monotonic_s() - began_s < 7.5
    await agent.stop()
    assert cluster.hub.goodbyes == 0
    assert [state.running for state in await cluster.runtime.list()] == [True]


@scenario
async def test_a_hub_that_does_not_answer_is_not_waited_for(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.hub.bus.close()
    began_s = cluster.clock.monotonic_s()
    assert len(await agent.leave(600)) == 1
    assert cluster.clock.monotonic_s() - began_s < 10


@scenario
async def test_an_answer_with_everything_that_a_change_has_overtaken_ends_nothing(cluster: Cluster) -> None:
    await cluster.start_agent()
    hub, before = cluster.hub, cluster.hub.syncs
    await hub.assign(pod())
    await hub.send(Assignments(epoch=1, sequence=7, pods=tuple(hub.known.values()), digest=hub.digest))
    started = await hub.running("u-web")
    await hub.send(Assignments(epoch=1, sequence=6, full=True))
    await hub.send(Assignments(epoch=1, sequence=5, removed=("u-web",)))
    await eventually(lambda: hub.syncs > before, what="everything is asked for again")
    await cluster.clock.sleep(5)
    assert [(str(state.id), state.running) for state in await cluster.runtime.list()] == [(started, True)]


@scenario
async def test_an_older_leader_is_not_heeded(cluster: Cluster) -> None:
    cluster.hub.epoch = 5
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.hub.epoch = 4
    await cluster.hub.send(Assignments(epoch=4, full=True))
    await cluster.clock.sleep(1)
    assert [state.running for state in await cluster.runtime.list()] == [True]


def test_nothing_foreseeable_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with Cluster() as cluster:
            await cluster.start_agent()
            await cluster.hub.assign(pod("web", fake("--fail-start", "EACCES")))
            await cluster.clock.sleep(30)

    with caplog.at_level(logging.WARNING):
        run_virtual(story())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@scenario
async def test_after_a_silence_everything_is_told_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    cluster.network.partition("machine-2")
    await cluster.clock.sleep(4)
    cluster.hub.reports.clear()
    cluster.network.heal("machine-2")
    await cluster.hub.running("u-web")


@scenario
async def test_a_version_without_order_is_taken_and_a_past_generation_is_not(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    web = evolve(pod(), **{"metadata.generation": 2})
    await cluster.hub.assign(web)
    await cluster.hub.running("u-web")
    cluster.hub.version = 5
    await cluster.hub.assign(evolve(web, **{"metadata.labels": {"tier": "gold"}}))
    await cluster.clock.sleep(0.1)
    work = agent.pods.find("default", "web")
    assert work is not None and work.pod.metadata.labels == {"tier": "gold"}
    past = evolve(web, **{"metadata.generation": 1, "metadata.resource_version": "900"})
    await cluster.hub.send(Assignments(epoch=1, pods=(Assignment(pod=past),), digest=cluster.hub.digest))
    await cluster.clock.sleep(0.1)
    assert work.pod.metadata.labels == {"tier": "gold"}


@scenario
async def test_a_pod_whose_config_is_withheld_waits_for_it(cluster: Cluster) -> None:
    await cluster.start_agent()
    source = {"configMapRef": {"name": "settings", "optional": True}}
    web = pod("web", {"command": ["serve"], "envFrom": [source]})
    cluster.hub.version = -1
    await cluster.hub.assign(web)
    await cluster.clock.sleep(5)
    assert await cluster.runtime.list() == ()
    await cluster.hub.assign(web, {"settings": {"a": "b"}})
    await cluster.hub.running("u-web")


@scenario
async def test_usage_of_each_pod_comes_with_some_heartbeats(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--cpu-millis", "50", "--memory-bytes", "1048576")))
    await cluster.hub.running("u-web")
    await cluster.clock.sleep(60)
    told = [heartbeat.pod_usage["u-web"] for heartbeat in cluster.hub.heartbeats if heartbeat.pod_usage]
    assert 2 <= len(told) <= 5
    assert (told[-1].cpu, told[-1].memory) == ("50m", "1024Ki")


@scenario
async def test_a_pod_that_finalizers_hold_is_told_gone_once(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    cluster.hub.finalizers = True
    await cluster.hub.assign(pod())
    await cluster.hub.running("u-web")
    await cluster.hub.delete("u-web")
    await cluster.hub.gone("u-web")
    syncs = cluster.hub.syncs
    await cluster.clock.sleep(30)
    assert cluster.hub.syncs == syncs
    assert sum(report.gone for report in cluster.hub.history) == 1
    await cluster.hub.take_away("u-web")
    await eventually(lambda: not len(agent.pods))


@scenario
async def test_a_pod_that_is_taken_away_and_given_back_runs_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--stop-after", "2")))
    await cluster.hub.running("u-web")
    given = cluster.hub.known["u-web"].pod
    await cluster.hub.take_away("u-web")
    await cluster.clock.sleep(1)
    await cluster.hub.assign(given)
    await eventually(lambda: cluster.hub.status("u-web").container_statuses[0].container_id == "u-web.app.1")
    await cluster.hub.running("u-web")


@scenario
async def test_a_slow_start_is_told_as_pending(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--start-delay", "5")))
    await cluster.clock.sleep(1)
    waiting = cluster.hub.status("u-web").container_statuses[0].state.waiting
    assert waiting is not None and waiting.reason == "ContainerCreating"
    await cluster.hub.running("u-web")
    assert [report.status.phase for report in cluster.hub.history] == ["Pending", "Running"]


@scenario
async def test_a_pod_that_runs_at_once_is_told_once(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod())
    await cluster.clock.sleep(5)
    assert [report.status.phase for report in cluster.hub.history] == ["Running"]


@pytest.mark.parametrize("happens", [True, False], ids=["it happened", "it did not happen"])
def test_a_start_whose_answer_is_lost_is_asked_for_again(happens: bool) -> None:
    async def story() -> None:
        runtime = UnreliableRuntime(happens=happens)
        async with Cluster(runtime=runtime) as cluster:
            await cluster.start_agent()
            runtime.reachable = False
            await cluster.hub.assign(pod())
            await cluster.clock.sleep(30)
            assert runtime.asked < 15, "it backs off"
            assert bool(cluster.hub.status("u-web").container_statuses[0].state.running) == happens
            told = [event.message for event in cluster.hub.events if event.reason == "FailedSync"]
            assert told == ["error syncing pod: the supervisor is out of reach"]
            runtime.reachable = True
            assert await cluster.hub.running("u-web") == "u-web.app.0"
            assert [state.id for state in await runtime.list()] == ["u-web.app.0"]

    run_virtual(story())


def test_a_pod_is_not_gone_while_the_runtime_cannot_say_so() -> None:
    async def story() -> None:
        runtime = UnreliableRuntime(happens=False)
        async with Cluster(runtime=runtime) as cluster:
            await cluster.start_agent()
            runtime.reachable = False
            await cluster.hub.assign(pod())
            await cluster.clock.sleep(1)
            await cluster.hub.delete("u-web")
            await cluster.clock.sleep(30)
            assert not cluster.hub.reports["u-web"].gone
            runtime.reachable = True
            await cluster.hub.gone("u-web")

    run_virtual(story())


@pytest.mark.parametrize("at", ["plan", "step"])
def test_a_fault_of_ours_costs_no_other_pod_anything(at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, begin = True, Operations.start

    def falter(pod: Pod) -> None:
        if wrong and pod.metadata.name == "odd":
            raise OverflowError("too far away")

    def plan(view: PodView, now: datetime) -> PodPlan:
        falter(view.pod)
        return plan_pod(view, now)

    async def start(operations: Operations, pod: Pod, step: Start) -> ContainerState:
        falter(pod)
        return await begin(operations, pod, step)

    @scenario
    async def story(cluster: Cluster) -> None:
        nonlocal wrong
        await cluster.start_agent()
        for name in ("odd", "even"):
            cluster.hub.known[f"u-{name}"] = Assignment(pod=pod(name))
        both = tuple(cluster.hub.known.values())
        await cluster.hub.send(Assignments(epoch=1, pods=both, digest=cluster.hub.digest))
        await cluster.hub.running("u-even")
        await eventually(lambda: [event for event in cluster.hub.events if event.type == "Warning"])
        (told,) = {(event.name, event.reason, event.message) for event in cluster.hub.events if event.type == "Warning"}
        assert told == ("odd", "FailedSync", "error syncing pod: OverflowError: too far away")
        wrong = False
        await cluster.hub.running("u-odd")

    if at == "plan":
        monkeypatch.setattr(pods_room, "plan_pod", plan)
    else:
        monkeypatch.setattr(Operations, "start", start)
    story()
