"""Probes, hooks, init containers and sidecars with fake processes, in virtual time: what is done, and exactly when."""

from __future__ import annotations

from typing import Any

from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.waiting import eventually

EXEC = {"exec": {"command": ["fake"]}}
FAILS = {"exec": {"command": ["fake", "--code", "1"]}}


def healthy(from_s: float = 0, until_s: float = 1e9, **timing: Any) -> dict[str, Any]:
    """A probe that succeeds while the container is so old, once a second if nothing else is said."""
    command = ["fake", "--ok-from", str(from_s), "--ok-until", str(until_s)]
    return {"exec": {"command": command}, "periodSeconds": 1, **timing}


def status_of(cluster: Cluster, name: str = "app", uid: str = "u-web") -> ContainerStatus:
    status = cluster.hub.status(uid)
    return next(one for one in (*status.init_container_statuses, *status.container_statuses) if one.name == name)


def is_ready(cluster: Cluster, uid: str = "u-web") -> bool:
    condition = find_condition(cluster.hub.status(uid).conditions, "Ready")
    return condition is not None and condition.status == "True"


def told(cluster: Cluster, reason: str) -> list[str]:
    return [event.message for event in cluster.hub.events if event.reason == reason]


async def when(cluster: Cluster, check: Any, within_s: float = 120.0) -> float:
    """The time at which it became true."""
    await eventually(check, within_s=within_s, every_s=0.1)
    return cluster.clock.monotonic_s()


def begun(cluster: Cluster, name: str = "app") -> float:
    running = status_of(cluster, name).state.running
    assert running is not None and running.started_at is not None
    return (running.started_at - cluster.clock.now()).total_seconds() + cluster.clock.monotonic_s()


@scenario
async def test_a_pod_is_ready_when_its_probe_says_so_and_only_then(cluster: Cluster) -> None:
    await cluster.start_agent()
    probe = healthy(5, 20, initialDelaySeconds=2, failureThreshold=3)
    await cluster.hub.assign(pod("web", fake(readinessProbe=probe)))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert not is_ready(cluster) and status_of(cluster).started
    assert 5 <= await when(cluster, lambda: is_ready(cluster)) - start_s < 5.5
    assert 22 <= await when(cluster, lambda: not is_ready(cluster)) - start_s < 22.5
    assert status_of(cluster).restart_count == 0
    assert (
        told(cluster, "Unhealthy")[0]
        == 'Readiness probe failed: command "fake --ok-from 5 --ok-until 20" exited with 1'
    )


@scenario
async def test_a_probes_command_knows_the_variables_that_the_container_names(cluster: Cluster) -> None:
    await cluster.start_agent()
    probe = {"exec": {"command": ["fake", "--ok-from", "$(FROM)", "--code", "$(CODE)"]}, "periodSeconds": 1}
    env = [{"name": "FROM", "value": "5"}, {"name": "CODE", "value": "0"}]
    await cluster.hub.assign(pod("web", fake(readinessProbe=probe, env=env)))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert 5 <= await when(cluster, lambda: is_ready(cluster)) - start_s < 5.5
    await cluster.hub.assign(pod("vain", fake(readinessProbe={"exec": {"command": ["fake", "--code", "$(HOSTNAME)"]}})))
    await when(cluster, lambda: any("$(HOSTNAME)" in message for message in told(cluster, "Unhealthy")))


@scenario
async def test_a_config_map_that_is_deleted_leaves_probes_and_hooks_as_they_were(cluster: Cluster) -> None:
    await cluster.start_agent()
    named = {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "level"}}}
    hook = {"preStop": {"exec": {"command": ["fake", "--exit-after", "7"]}}}
    web = pod("web", fake(env=[named], livenessProbe=healthy(0, 20), readinessProbe=healthy(0), lifecycle=hook))
    await cluster.hub.assign(web, {"settings": {"level": "debug"}})
    await when(cluster, lambda: "u-web" in cluster.hub.reports and is_ready(cluster))
    start_s = begun(cluster)
    await cluster.hub.assign(web)
    killed_s = await when(cluster, lambda: bool(told(cluster, "Killing"))) - start_s
    assert 20 <= killed_s < 24, "the probe goes on"
    ended_s = await when(cluster, lambda: status_of(cluster).state.waiting is not None) - start_s
    assert ended_s - killed_s >= 7, "the hook is done"
    waiting = status_of(cluster).state.waiting
    assert waiting is not None and waiting.reason == "CreateContainerConfigError"


@scenario
async def test_a_container_that_is_not_alive_is_killed_and_restarted(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake(livenessProbe=healthy(0, 10, failureThreshold=2))))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    ended_s = await when(cluster, lambda: status_of(cluster).restart_count == 1)
    assert 11 <= ended_s - start_s < 11.5
    assert told(cluster, "Killing") == ["Container app failed liveness probe, will be restarted"]
    last = status_of(cluster).last_state.terminated
    assert last is not None and last.exit_code == 143


@scenario
async def test_a_startup_probe_holds_the_others_back(cluster: Cluster) -> None:
    await cluster.start_agent()
    container = fake(
        startupProbe=healthy(8, failureThreshold=20), livenessProbe=healthy(6, failureThreshold=1), readinessProbe=EXEC
    )
    await cluster.hub.assign(pod("web", container))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert not status_of(cluster).started
    assert 8 <= await when(cluster, lambda: status_of(cluster).started) - start_s < 8.5
    await when(cluster, lambda: is_ready(cluster), within_s=1)
    await cluster.clock.sleep(30)
    assert status_of(cluster).restart_count == 0


@scenario
async def test_a_failed_startup_kills_with_the_probes_own_grace(cluster: Cluster) -> None:
    await cluster.start_agent()
    probe = {**FAILS, "periodSeconds": 2, "failureThreshold": 3, "terminationGracePeriodSeconds": 4}
    await cluster.hub.assign(pod("web", fake("--ignore-term", startupProbe=probe), terminationGracePeriodSeconds=60))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert 8 <= await when(cluster, lambda: status_of(cluster).restart_count == 1) - start_s < 8.5
    assert told(cluster, "Killing") == ["Container app failed startup probe, will be restarted"]


@scenario
async def test_a_look_that_takes_too_long_has_failed(cluster: Cluster) -> None:
    await cluster.start_agent()
    probe = {"exec": {"command": ["fake", "--exit-after", "9"]}, "timeoutSeconds": 2, "failureThreshold": 1}
    await cluster.hub.assign(pod("web", fake(livenessProbe={**probe, "periodSeconds": 5})))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert 2 <= await when(cluster, lambda: status_of(cluster).restart_count == 1) - start_s < 2.5
    assert 'command timed out: "fake --exit-after 9" timed out after 2s' in told(cluster, "Unhealthy")[0]


@scenario
async def test_a_restarted_agent_keeps_what_was_known(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    container = fake(startupProbe=healthy(3, failureThreshold=9), readinessProbe=healthy(0, 60))
    await cluster.hub.assign(pod("web", container))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and is_ready(cluster))
    await cluster.kill(agent)
    seen = len(cluster.hub.history)
    await cluster.start_agent()
    await cluster.clock.sleep(20)
    assert all(report.status.container_statuses[0].ready for report in cluster.hub.history[seen:])
    await when(cluster, lambda: not is_ready(cluster), within_s=60)
    assert status_of(cluster).restart_count == 0


@scenario
async def test_a_node_without_a_hub_restarts_what_is_not_alive(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake(livenessProbe=healthy(0, 10, failureThreshold=1))))
    await cluster.hub.running("u-web")
    cluster.network.partition("hub")
    await cluster.clock.sleep(15)
    attempts = [state.id for state in await cluster.runtime.list() if state.running]
    assert attempts == ["u-web.app.1"]


@scenario
async def test_init_containers_run_in_order_and_once(cluster: Cluster) -> None:
    await cluster.start_agent()
    init = [fake("--exit-after", "3", name="one"), fake("--exit-after", "2", name="two")]
    await cluster.hub.assign(pod("web", initContainers=init))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and status_of(cluster, "one").state.running)
    assert cluster.hub.status("u-web").phase == "Pending"
    waiting = status_of(cluster).state.waiting
    assert waiting is not None and waiting.reason == "PodInitializing"
    unready = find_condition(cluster.hub.status("u-web").conditions, "Initialized")
    assert unready is not None and unready.message == "containers with incomplete status: [one two]"
    start_s = begun(cluster, "one")
    assert 5 <= await when(cluster, lambda: is_ready(cluster)) - start_s < 5.5
    assert [status.restart_count for status in cluster.hub.status("u-web").init_container_statuses] == [0, 0]
    await cluster.clock.sleep(600)
    assert {state.id for state in await cluster.runtime.list()} == {"u-web.one.0", "u-web.two.0", "u-web.app.0"}


@scenario
async def test_a_failing_init_container_is_tried_again_or_fails_the_pod(cluster: Cluster) -> None:
    await cluster.start_agent()
    init = [fake("--exit-after", "1", "--code", "2", name="one")]
    await cluster.hub.assign(pod("web", initContainers=init))
    await cluster.hub.assign(pod("job", restartPolicy="Never", initContainers=init))
    await when(cluster, lambda: "u-job" in cluster.hub.reports and cluster.hub.status("u-job").phase == "Failed")
    await when(cluster, lambda: status_of(cluster, "one").restart_count == 2)
    assert cluster.hub.status("u-web").phase == "Pending"
    assert told(cluster, "BackOff")[0].startswith("Back-off restarting failed container one in pod web_default")


@scenario
async def test_sidecars_start_before_and_stop_after_the_others_in_reverse(cluster: Cluster) -> None:
    await cluster.start_agent()
    beside = {"restartPolicy": "Always"}
    init = [
        fake("--stop-after", "1", name="first", startupProbe=healthy(2), **beside),
        fake("--stop-after", "1", name="second", **beside),
    ]
    await cluster.hub.assign(pod("web", fake("--stop-after", "2"), initContainers=init))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and is_ready(cluster))
    first, second, app = (begun(cluster, name) for name in ("first", "second", "app"))
    assert first + 2 <= second <= app
    await cluster.hub.delete("u-web")
    report = await cluster.hub.gone("u-web")
    ends = {}
    for status in (*report.status.init_container_statuses, *report.status.container_statuses):
        assert status.state.terminated is not None and status.state.terminated.finished_at is not None
        ends[status.name] = status.state.terminated.finished_at.timestamp()
    assert 1 <= ends["second"] - ends["app"] < 1.1 and 1 <= ends["first"] - ends["second"] < 1.1


@scenario
async def test_a_sidecar_is_restarted_and_does_not_keep_a_pod_from_completing(cluster: Cluster) -> None:
    await cluster.start_agent()
    init = [fake("--exit-after", "2", "--code", "1", name="side", restartPolicy="Always")]
    await cluster.hub.assign(pod("job", fake("--exit-after", "5"), restartPolicy="Never", initContainers=init))
    await when(cluster, lambda: "u-job" in cluster.hub.reports and cluster.hub.status("u-job").phase == "Succeeded")
    assert status_of(cluster, "side", "u-job").restart_count >= 1
    assert not any(state.running for state in await cluster.runtime.list())
    await cluster.clock.sleep(60)
    assert not any(state.running for state in await cluster.runtime.list())


@scenario
async def test_a_hook_after_the_start_is_done_before_the_container_counts_as_running(cluster: Cluster) -> None:
    await cluster.start_agent()
    hook = {"postStart": {"exec": {"command": ["fake", "--exit-after", "3"]}}}
    second = fake(name="second")
    await cluster.hub.assign(pod("web", fake(lifecycle=hook), second))
    await when(cluster, lambda: "u-web" in cluster.hub.reports)
    waiting = status_of(cluster).state.waiting
    assert waiting is not None and waiting.reason == "ContainerCreating"
    await when(cluster, lambda: is_ready(cluster))
    assert 3 <= begun(cluster, "second") - begun(cluster) < 3.2


@scenario
async def test_a_failed_hook_after_the_start_kills_the_container(cluster: Cluster) -> None:
    await cluster.start_agent()
    hook = {"postStart": {"exec": {"command": ["fake", "--code", "7"]}}}
    await cluster.hub.assign(pod("web", fake(lifecycle=hook)))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and status_of(cluster).restart_count == 1)
    (message, *_) = told(cluster, "FailedPostStartHook")
    assert 'Container "app" in Pod "web_default(u-web)" failed - error: command "fake --code 7" exited' in message
    assert "FailedPostStartHook" in told(cluster, "Killing")


@scenario
async def test_a_hook_that_ends_with_its_container_has_not_failed(cluster: Cluster) -> None:
    await cluster.start_agent()
    hanging = {"postStart": {"exec": {"command": ["fake", "--exit-after", "999"]}}}
    await cluster.hub.assign(pod("web", fake(lifecycle=hanging)))
    await cluster.clock.sleep(5)
    await cluster.hub.delete("u-web")
    await cluster.hub.gone("u-web")
    assert told(cluster, "Killing") == ["Stopping container app"]
    assert not told(cluster, "FailedPostStartHook")


@scenario
async def test_a_container_may_have_a_restart_policy_of_its_own(cluster: Cluster) -> None:
    await cluster.start_agent()
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    await cluster.hub.assign(pod(
        "web",
        fake("--exit-after", "30", "--code", "1", name="long"),
        fake("--exit-after", "1", name="again", restartPolicy="Always"),
        fake("--exit-after", "1", "--code", "42", name="by-rule", restartPolicy="Never", restartPolicyRules=[rule]),
        fake("--exit-after", "1", "--code", "7", name="once", restartPolicy="Never"),
        restartPolicy="Always",
    ))  # fmt: skip
    await cluster.clock.sleep(25)
    restarts = {status.name: status.restart_count for status in cluster.hub.status("u-web").container_statuses}
    assert restarts == {"long": 0, "again": 2, "by-rule": 2, "once": 0}
    assert cluster.hub.status("u-web").phase == "Running"


@scenario
async def test_a_pod_ends_when_no_container_runs_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--exit-after", "1", restartPolicy="Never"), restartPolicy="Always"))
    await cluster.hub.assign(pod("bad", fake("--exit-after", "1", "--code", "3", restartPolicy="Never")))
    await cluster.hub.assign(pod("goes-on", fake("--exit-after", "1", restartPolicy="Always"), restartPolicy="Never"))
    init = [fake("--exit-after", "1", "--code", "2", name="one", restartPolicy="Never")]
    await cluster.hub.assign(pod("init", initContainers=init, restartPolicy="Always"))
    await cluster.clock.sleep(20)
    phases = {name: cluster.hub.status(f"u-{name}").phase for name in ("web", "bad", "goes-on", "init")}
    assert phases == {"web": "Succeeded", "bad": "Failed", "goes-on": "Running", "init": "Failed"}


@scenario
async def test_a_program_is_stopped_by_the_signal_that_it_wants(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake(lifecycle={"stopSignal": "SIGINT"})))
    await cluster.hub.running("u-web")
    assert cluster.hub.status("u-web").container_statuses[0].stop_signal == "SIGINT"
    await cluster.hub.delete("u-web", grace_s=10)
    ended = (await cluster.hub.gone("u-web")).status.container_statuses[0].state.terminated
    assert ended is not None and (ended.signal, ended.exit_code) == (2, 130)


@scenario
async def test_a_hook_before_the_stop_counts_in_the_grace(cluster: Cluster) -> None:
    await cluster.start_agent()
    hook = {"preStop": {"sleep": {"seconds": 4}}}
    await cluster.hub.assign(pod("web", fake("--ignore-term", lifecycle=hook)))
    await cluster.hub.running("u-web")
    start_s = cluster.clock.monotonic_s()
    await cluster.hub.delete("u-web", grace_s=10)
    await when(cluster, lambda: not is_ready(cluster), within_s=1)
    report = await cluster.hub.gone("u-web")
    assert 10 <= cluster.clock.monotonic_s() - start_s < 10.5
    ended = report.status.container_statuses[0].state.terminated
    assert ended is not None and ended.exit_code == 137


@scenario
async def test_a_hook_that_hangs_ends_with_the_grace_even_without_the_agent(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    hook = {"preStop": {"exec": {"command": ["fake", "--exit-after", "1000"]}}}
    await cluster.hub.assign(pod("web", fake(lifecycle=hook)))
    await cluster.hub.running("u-web")
    start_s = cluster.clock.monotonic_s()
    await cluster.hub.delete("u-web", grace_s=10)
    await cluster.clock.sleep(2)
    await cluster.kill(agent)
    await cluster.clock.sleep(start_s + 10.2 - cluster.clock.monotonic_s())
    assert not any(state.running for state in await cluster.runtime.list())
    await cluster.start_agent()
    await cluster.hub.gone("u-web")


@scenario
async def test_a_restarted_agent_does_not_begin_the_grace_anew(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    beside = fake("--ignore-term", name="side", restartPolicy="Always")
    await cluster.hub.assign(pod("web", fake("--stop-after", "6"), initContainers=[beside]))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and is_ready(cluster))
    start_s = cluster.clock.monotonic_s()
    await cluster.hub.delete("u-web", grace_s=10)
    await cluster.clock.sleep(4)
    await cluster.kill(agent)
    await cluster.start_agent()
    await cluster.hub.gone("u-web")
    assert 10 <= cluster.clock.monotonic_s() - start_s < 10.5


@scenario
async def test_a_pod_that_is_active_for_too_long_fails(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--stop-after", "1"), activeDeadlineSeconds=20))
    await cluster.hub.running("u-web")
    start_s = begun(cluster)
    assert 21 <= await when(cluster, lambda: cluster.hub.status("u-web").phase == "Failed") - start_s < 21.5
    status = cluster.hub.status("u-web")
    assert (status.reason, status.message) == (
        "DeadlineExceeded",
        "Pod was active on the node longer than the specified deadline",
    )
    await cluster.clock.sleep(60)
    assert cluster.hub.status("u-web").container_statuses[0].restart_count == 0
    assert len(told(cluster, "DeadlineExceeded")) == 1


def gated(status: str) -> Pod:
    made = pod("web", readinessGates=[{"conditionType": "example.com/open"}])
    conditions = [{"type": "example.com/open", "status": status}] if status else []
    return evolve(made, status=type(made.status).model_validate({"conditions": conditions}))


@scenario
async def test_others_have_a_say_in_readiness(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(gated(""))
    await cluster.hub.running("u-web")
    ready = find_condition(cluster.hub.status("u-web").conditions, "Ready")
    assert ready is not None and (ready.status, ready.reason) == ("False", "ReadinessGatesNotReady")
    assert ready.message == 'corresponding condition of pod readiness gate "example.com/open" does not exist.'
    await cluster.hub.assign(gated("False"))
    await cluster.hub.assign(gated("True"))
    await when(cluster, lambda: is_ready(cluster))
    assert {c.type for c in cluster.hub.status("u-web").conditions} == {
        "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready",
    }  # fmt: skip


@scenario
async def test_after_a_restart_of_the_machine_init_containers_run_again(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(pod("web", initContainers=[fake("--exit-after", "1", name="one")]))
    await when(cluster, lambda: "u-web" in cluster.hub.reports and is_ready(cluster))
    cluster.runtime.reboot()
    await when(cluster, lambda: status_of(cluster).restart_count == 1 and is_ready(cluster))
    assert status_of(cluster, "one").restart_count == 1
