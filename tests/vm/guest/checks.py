"""The checks, in the order in which they run: one sentence each, told by the name of a function.

They share one cluster. `subject` is a pod that is started once and must stay the same, with the same process and no
restart, through all that is done to the agent and the supervisor.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.vm.guest.cluster import Cluster, Raw
from tests.vm.guest.system import (
    AGENT,
    CGROUPS,
    eventually,
    group_of,
    keyed,
    main_pid,
    pids_of,
    shown,
    supervisors,
    systemctl,
)

Check = Callable[[Cluster], Awaitable[None]]

LIMITS = {"memory": "64Mi", "cpu": "250m"}
FOR_EVER = "while :; do sleep 1; done"
EAT_MEMORY = "exec /usr/bin/python3 -c 'b = bytearray(256 << 20)'"
GOODBYE = Path("/var/lib/setpoint/goodbye")
FACTS = Path("/var/lib/setpoint/facts.json")
"""What the checks after the reboot must know of the time before."""

UNREACHABLE = [{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}]
"""A pod with this toleration waits for its machine, however long a slow agent or a reboot takes."""


# -- the units of deploy/ ---------------------------------------------------------------------------


async def the_units_start(cluster: Cluster) -> None:
    for unit in ("setpoint-nats", "setpoint-control-plane", AGENT):
        assert shown(unit, "ActiveState") == "active", unit
    assert shown(AGENT, "Delegate") == "yes"


async def the_node_is_ready_and_keeps_all_limits(cluster: Cluster) -> None:
    await eventually(lambda: cluster.ready("hub"), "the node is Ready")
    condition = (await cluster.node("hub"))["CgroupLimits"]
    assert condition["status"] == "True", condition


# -- limits -----------------------------------------------------------------------------------------


async def limits_are_in_the_kernels_files(cluster: Cluster) -> None:
    pod = await cluster.run("subject", FOR_EVER, limits=LIMITS, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    content = {
        name: (group / name).read_text().strip() for name in ("memory.max", "memory.swap.max", "cpu.max", "pids.max")
    }
    assert content == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "cpu.max": "25000 100000",
        "pids.max": "4096",
    }


async def every_group_lies_in_a_delegated_subtree(cluster: Cluster) -> None:
    workload = group_of(await _first_pid(cluster, "subject"))
    scope = workload.parent.parent
    assert scope.suffix == ".scope", workload
    assert os.getxattr(scope, "trusted.delegate") == b"1"
    assert _homes(without=0) == [scope / "supervisor"]
    assert [group for group in CGROUPS.rglob("workloads") if group.is_dir()] == [scope / "workloads"]
    assert not (scope / "cgroup.procs").read_text()
    assert (scope / "pids.max").read_text().strip() == "max"


async def the_agents_own_group_holds_the_agent_alone(cluster: Cluster) -> None:
    group = group_of(main_pid(AGENT))
    assert group.name == f"{AGENT}.service"
    assert [int(pid) for pid in (group / "cgroup.procs").read_text().split()] == [main_pid(AGENT)]
    assert not [entry for entry in group.iterdir() if entry.is_dir()]


async def too_much_memory_is_an_oom_kill(cluster: Cluster) -> None:
    await cluster.run("hungry", EAT_MEMORY, limits={"memory": "32Mi"}, restartPolicy="Never")
    ended = await cluster.ended("hungry")
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137), ended
    await cluster.delete("hungry")


async def an_oom_kill_of_a_child_ends_the_container(cluster: Cluster) -> None:
    script = f'(sh -c "{EAT_MEMORY}") & {FOR_EVER}'
    await cluster.run("parent", script, limits={"memory": "32Mi"}, restartPolicy="Never")
    ended = await cluster.ended("parent")
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137), ended
    await cluster.delete("parent")


async def too_much_cpu_is_throttled(cluster: Cluster) -> None:
    pod = await cluster.run("busy", "while :; do :; done", limits={"cpu": "100m"})
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    await eventually(lambda: keyed(group / "cpu.stat")["nr_throttled"] > 3, "it is throttled")
    await cluster.delete("busy")


async def a_deleted_pod_leaves_neither_process_nor_group(cluster: Cluster) -> None:
    pod = await cluster.run("daemon", f"(setsid sh -c 'trap \"\" TERM; {FOR_EVER}' &); {FOR_EVER}")
    assert len(pids_of(pod["metadata"]["uid"])) >= 2
    await cluster.delete("daemon")
    uid = pod["metadata"]["uid"]
    await eventually(lambda: not list(CGROUPS.rglob(f"{uid}*")), "its group is removed")


# -- restarts that must disturb nothing ---------------------------------------------------------------


async def a_restart_of_the_agent_disturbs_nothing(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        before = main_pid(AGENT)
        systemctl("restart", AGENT)
        assert main_pid(AGENT) not in (0, before)
        await _agent_works(cluster)


async def kill_9_of_the_agent_disturbs_nothing(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        before = main_pid(AGENT)
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: main_pid(AGENT) not in (0, before), "systemd has started another agent")
        await _agent_works(cluster)


async def stopping_the_agent_stops_no_workload(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        systemctl("stop", AGENT)
        assert shown(AGENT, "ActiveState") == "inactive"
        assert pids_of((await cluster.pod("subject"))["metadata"]["uid"])
        systemctl("start", AGENT)
        await _agent_works(cluster)


async def an_exit_while_no_agent_runs_is_reported(cluster: Cluster) -> None:
    word = Path("/var/lib/setpoint/word")
    await cluster.run("waiting", f"until [ -e {word} ]; do sleep 0.2; done; exit 7", restartPolicy="Never",
                      tolerations=UNREACHABLE)  # fmt: skip
    uid = (await cluster.pod("waiting"))["metadata"]["uid"]
    systemctl("stop", AGENT)
    word.touch()
    await eventually(lambda: not pids_of(uid), "it has ended")
    systemctl("start", AGENT)
    assert (await cluster.ended("waiting"))["exitCode"] == 7
    await cluster.delete("waiting")


async def kill_9_of_the_supervisor_disturbs_nothing(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        (before,) = supervisors()
        home = group_of(before)
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: _homes(without=before) == [home], "another lives where the workloads are")
        await _agent_works(cluster)


async def kill_9_of_agent_and_supervisor_disturbs_nothing(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        dead = [main_pid(AGENT), *supervisors()]
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: main_pid(AGENT) not in (0, *dead), "systemd has started another agent")
        await eventually(lambda: set(supervisors()) - set(dead), "there is another supervisor")
        await _agent_works(cluster)


async def a_restart_of_the_nats_server_disturbs_nothing(cluster: Cluster) -> None:
    async with _Undisturbed(cluster):
        systemctl("restart", "setpoint-nats")
        await eventually(lambda: cluster.ready("hub"), "the API answers, and the node is Ready")
        await _agent_works(cluster)


async def new_pods_still_have_limits(cluster: Cluster) -> None:
    pod = await cluster.run("late", FOR_EVER, limits=LIMITS)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert group.parent == group_of(await _first_pid(cluster, "subject")).parent
    assert (group / "memory.max").read_text().strip() == str(64 << 20)
    await cluster.delete("late")


async def what_a_stopped_scope_ends_runs_again_in_another(cluster: Cluster) -> None:
    """One of the pods ends slowly, so the old scope still is there when the next supervisor starts."""
    pod = await cluster.run("slow", f"trap 'sleep 5; exit 0' TERM; {FOR_EVER}", limits=LIMITS)
    before = group_of(pids_of(pod["metadata"]["uid"])[0])
    systemctl("stop", "setpoint-*.scope")

    async def again() -> bool:
        status = await cluster.container("slow")
        return "running" in status["state"] and status["restartCount"] == 1

    await eventually(again, "it runs again")
    after = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert after.parent != before.parent
    assert (after / "memory.max").read_text().strip() == str(64 << 20)
    assert _homes(without=0) == [after.parent.parent / "supervisor"]
    await cluster.delete("slow")


# -- the reboot ---------------------------------------------------------------------------------------


async def a_reboot_is_prepared(cluster: Cluster) -> None:
    await cluster.delete("subject")
    script = f"trap 'touch {GOODBYE}; exit 0' TERM; {FOR_EVER}"
    lasting = await cluster.run("lasting", script, limits=LIMITS, tolerations=UNREACHABLE)
    await cluster.ask("create.apps.deployments.default", _deployment("web", replicas=2))
    await eventually(lambda: _ready_pods(cluster), "both replicas run")
    FACTS.write_text(json.dumps({"uid": lasting["metadata"]["uid"], "asked_at_s": time.time()}))


async def the_machine_goes_down_at_once(cluster: Cluster) -> None:
    """A workload or a supervisor that does not end would be waited for, 90 seconds."""
    took_s = _kernel_started_at_s() - json.loads(FACTS.read_text())["asked_at_s"]
    assert took_s < 80, f"{took_s:.0f} s from the request to the kernel's start"


async def workloads_are_asked_to_end_first(cluster: Cluster) -> None:
    assert GOODBYE.exists()


async def the_node_comes_back(cluster: Cluster) -> None:
    await eventually(lambda: cluster.ready("hub"), "the node is Ready")


async def a_pod_of_before_is_restarted_for_the_reboot(cluster: Cluster) -> None:
    async def again() -> Raw | None:
        status = await cluster.container("lasting")
        return status if "running" in status["state"] and status["restartCount"] else None

    status = await eventually(again, "it runs again")
    assert (await cluster.pod("lasting"))["metadata"]["uid"] == json.loads(FACTS.read_text())["uid"]
    assert status["restartCount"] == 1
    assert "the machine restarted" in status["lastState"]["terminated"]["message"], status["lastState"]


async def a_deployment_has_its_replicas_again(cluster: Cluster) -> None:
    await eventually(lambda: _ready_pods(cluster), "both replicas run")
    uids = [pod["metadata"]["uid"] for pod in await _pods_of(cluster, "web")]
    assert len(uids) == 2 and all(pids_of(uid) for uid in uids)


# -- the recipe ---------------------------------------------------------------------------------------


async def the_recipe_joins_a_machine(cluster: Cluster) -> None:
    recipe = _recipe("sudo systemd-run ").removeprefix("sudo ")
    _perform(shlex.split(recipe.replace("setpoint/agent", "setpoint/joined").replace(AGENT + " ", "joined ", 1)))
    await eventually(lambda: cluster.ready("node-3"), "the node is Ready")
    condition = (await cluster.node("node-3"))["CgroupLimits"]
    assert condition["status"] == "True", condition


async def a_joined_machine_keeps_limits_and_pods(cluster: Cluster) -> None:
    selector = {"kubernetes.io/hostname": "node-3"}
    pod = await cluster.run("subject", FOR_EVER, limits=LIMITS, nodeSelector=selector, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert (group / "memory.max").read_text().strip() == str(64 << 20)
    async with _Undisturbed(cluster):
        before = main_pid("joined")
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: main_pid("joined") not in (0, before), "systemd has started another agent")
        await eventually(lambda: cluster.ready("node-3"), "the node is Ready")


async def an_ordinary_user_joins_a_machine(cluster: Cluster) -> None:
    _perform(["useradd", "--create-home", "--uid", "1000", "worker"])
    systemctl("start", "user@1000.service")
    as_worker = ("runuser", "-u", "worker", "--", "env", "XDG_RUNTIME_DIR=/run/user/1000")
    _perform([*as_worker, *shlex.split(_recipe("systemd-run --user "))])
    await eventually(lambda: cluster.ready("node-4"), "the node is Ready")
    condition = (await cluster.node("node-4"))["CgroupLimits"]
    assert condition["status"] == "True", condition


async def an_ordinary_users_pods_have_limits_and_go_on(cluster: Cluster) -> None:
    selector = {"kubernetes.io/hostname": "node-4"}
    pod = await cluster.run("own", FOR_EVER, limits=LIMITS, nodeSelector=selector, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert "user@1000.service" in group.parts and (group / "memory.max").read_text().strip() == str(64 << 20)
    home = group.parent.parent / "supervisor"
    async with _Undisturbed(cluster, "own"):
        (before,) = [pid for pid, place in supervisors().items() if place.endswith(f"{home.parent.name}/supervisor")]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: home in _homes(without=before), "another lives where the workloads are")


def _recipe(beginning: str) -> str:
    """The line of the guide that starts an agent without a unit file."""
    lines = (Path(__file__).parent / "guide.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(beginning)]
    return line


def _perform(command: Sequence[str]) -> None:
    """Runs a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"


# -- what checks share ----------------------------------------------------------------------------------


class _Undisturbed:
    """Around what must not touch a pod: the same process before and after, and no restart counted."""

    def __init__(self, cluster: Cluster, pod: str = "subject") -> None:
        self._cluster = cluster
        self._pod = pod
        self._pid = 0

    async def __aenter__(self) -> None:
        self._pid = await _first_pid(self._cluster, self._pod)

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            assert await _first_pid(self._cluster, self._pod) == self._pid
            status = await self._cluster.container(self._pod)
            assert status["restartCount"] == 0 and "running" in status["state"], status


async def _first_pid(cluster: Cluster, pod: str) -> int:
    return pids_of((await cluster.pod(pod))["metadata"]["uid"])[0]


def _homes(without: int) -> list[Path]:
    """The groups of all supervisors but the one that was killed."""
    return [CGROUPS / group.removeprefix("0::/") for pid, group in supervisors().items() if pid != without]


_probes = iter(range(1000))


async def _agent_works(cluster: Cluster) -> None:
    """The agent takes new work: a pod starts and ends through it."""
    name = f"probe-{next(_probes)}"
    await cluster.run(name, "exit 3", restartPolicy="Never", tolerations=UNREACHABLE)
    assert (await cluster.ended(name))["exitCode"] == 3
    await cluster.delete(name)


def _kernel_started_at_s() -> float:
    """When the present boot began, in Unix seconds."""
    stat = Path("/proc/stat").read_text()
    return float(next(line.split()[1] for line in stat.splitlines() if line.startswith("btime ")))


def _deployment(name: str, replicas: int) -> Raw:
    container = {"name": "main", "command": ["/bin/sh", "-c", FOR_EVER]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


async def _pods_of(cluster: Cluster, app: str) -> list[Raw]:
    """The pods of the deployment that are not going away."""
    pods = (await cluster.ask("list.core.pods.default"))["items"]
    mine = [pod for pod in pods if pod["metadata"].get("labels", {}).get("app") == app]
    return [pod for pod in mine if "deletionTimestamp" not in pod["metadata"]]


async def _ready_pods(cluster: Cluster) -> bool:
    pods = await _pods_of(cluster, "web")
    conditions = [condition for pod in pods for condition in pod["status"].get("conditions", ())]
    ready = [condition for condition in conditions if condition["type"] == "Ready" and condition["status"] == "True"]
    return len(pods) == len(ready) == 2


BEFORE_REBOOT: tuple[Check, ...] = (
    the_units_start,
    the_node_is_ready_and_keeps_all_limits,
    limits_are_in_the_kernels_files,
    every_group_lies_in_a_delegated_subtree,
    the_agents_own_group_holds_the_agent_alone,
    too_much_memory_is_an_oom_kill,
    an_oom_kill_of_a_child_ends_the_container,
    too_much_cpu_is_throttled,
    a_deleted_pod_leaves_neither_process_nor_group,
    a_restart_of_the_agent_disturbs_nothing,
    kill_9_of_the_agent_disturbs_nothing,
    stopping_the_agent_stops_no_workload,
    an_exit_while_no_agent_runs_is_reported,
    kill_9_of_the_supervisor_disturbs_nothing,
    kill_9_of_agent_and_supervisor_disturbs_nothing,
    a_restart_of_the_nats_server_disturbs_nothing,
    new_pods_still_have_limits,
    what_a_stopped_scope_ends_runs_again_in_another,
    a_reboot_is_prepared,
)

AFTER_REBOOT: tuple[Check, ...] = (
    the_machine_goes_down_at_once,
    workloads_are_asked_to_end_first,
    the_node_comes_back,
    a_pod_of_before_is_restarted_for_the_reboot,
    a_deployment_has_its_replicas_again,
    the_recipe_joins_a_machine,
    a_joined_machine_keeps_limits_and_pods,
    an_ordinary_user_joins_a_machine,
    an_ordinary_users_pods_have_limits_and_go_on,
)
