"""Restarts and kills of what is ours, which must disturb no pod; ends of pods, of which nothing may be left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.vm.guest.cluster import Cluster
from tests.vm.guest.shared import (
    FOR_EVER,
    LIMITS,
    UNREACHABLE,
    Undisturbed,
    agent_works,
    homes,
)
from tests.vm.guest.system import (
    AGENT,
    CGROUPS,
    eventually,
    group_of,
    main_pid,
    pids_of,
    shown,
    supervisors,
    systemctl,
)


async def a_deleted_pod_leaves_neither_process_nor_group(cluster: Cluster) -> None:
    pod = await cluster.run("daemon", f"(setsid sh -c 'trap \"\" TERM; {FOR_EVER}' &); {FOR_EVER}")
    uid = pod["metadata"]["uid"]
    await eventually(lambda: len(pids_of(uid)) >= 2, "the daemon runs beside the first process")
    await cluster.delete("daemon")
    await eventually(lambda: not list(CGROUPS.rglob(f"{uid}*")), "its group is removed")


async def a_restart_of_the_agent_disturbs_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        before = main_pid(AGENT)
        systemctl("restart", AGENT)
        assert main_pid(AGENT) not in (0, before)
        await agent_works(cluster)


async def kill_9_of_the_agent_disturbs_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        before = main_pid(AGENT)
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: main_pid(AGENT) not in (0, before), "systemd has started another agent")
        await agent_works(cluster)


async def stopping_the_agent_stops_no_workload_and_an_exit_meanwhile_is_reported(cluster: Cluster) -> None:
    word = Path("/var/lib/setpoint/word")
    await cluster.run("waiting", f"until [ -e {word} ]; do sleep 0.2; done; exit 7", restartPolicy="Never",
                      tolerations=UNREACHABLE)  # fmt: skip
    uid = (await cluster.pod("waiting"))["metadata"]["uid"]
    async with Undisturbed(cluster):
        systemctl("stop", AGENT)
        assert shown(AGENT, "ActiveState") == "inactive"
        word.touch()
        await eventually(lambda: not pids_of(uid), "it has ended")
        systemctl("start", AGENT)
        assert (await cluster.ended("waiting"))["exitCode"] == 7
    await cluster.delete("waiting")


async def kill_9_of_the_supervisor_disturbs_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        (before,) = supervisors()
        home = group_of(before)
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: homes(without=before) == [home], "another lives where the workloads are")
        await agent_works(cluster)


async def kill_9_of_agent_and_supervisor_disturbs_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        dead = [main_pid(AGENT), *supervisors()]
        for pid in dead:
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: main_pid(AGENT) not in (0, *dead), "systemd has started another agent")
        await eventually(lambda: set(supervisors()) - set(dead), "there is another supervisor")
        await agent_works(cluster)


async def a_restart_of_the_nats_server_disturbs_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        systemctl("restart", "setpoint-nats")
        await eventually(lambda: cluster.ready("hub"), "the API answers, and the node is Ready")
        await agent_works(cluster)


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
    assert homes(without=0) == [after.parent.parent / "supervisor"]
    await cluster.delete("slow")
