"""Machines that join by one line of the guide: as root, as an ordinary user, and without any control groups."""

from __future__ import annotations

import os
import shlex
import signal

from tests.vm.guest.cluster import Cluster
from tests.vm.guest.shared import (
    FOR_EVER,
    LIMITS,
    UNREACHABLE,
    Undisturbed,
    homes,
    perform,
    recipe,
)
from tests.vm.guest.system import (
    AGENT,
    eventually,
    group_of,
    main_pid,
    pids_of,
    supervisors,
    systemctl,
)

UNDELEGATED = "--unit=bare -p User=worker"


async def machines_join_by_one_line_each(cluster: Cluster) -> None:
    """All at once: most of the time goes into starting Python under emulation."""
    line = recipe("sudo systemd-run ").removeprefix("sudo ")
    perform(shlex.split(line.replace("setpoint/agent", "setpoint/joined").replace(AGENT + " ", "joined ", 1)))
    perform(["useradd", "--create-home", "--uid", "1000", "worker"])
    systemctl("start", "user@1000.service")
    as_worker = ("runuser", "-u", "worker", "--", "env", "XDG_RUNTIME_DIR=/run/user/1000")
    line = recipe("systemd-run --user ")
    perform([*as_worker, *shlex.split(line)])
    bare = line.replace("--user --unit=setpoint-node-agent -p Delegate=yes", UNDELEGATED).replace("node-4", "node-5")
    perform(shlex.split(f"{bare} --state-dir /home/worker/bare --unkept-limits refuse"))
    for node in ("node-3", "node-4", "node-5"):
        await eventually(lambda node=node: cluster.ready(node), f"{node} is Ready")  # type: ignore[misc]


async def a_node_says_which_limits_it_keeps(cluster: Cluster) -> None:
    """Root's, all; an ordinary user's, all but huge pages, which nobody hands down to users; without a group, none."""
    told = {node: (await cluster.node(node))["CgroupLimits"] for node in ("node-3", "node-4", "node-5")}
    assert told["node-3"]["status"] == "True", told["node-3"]
    missing = {node: condition.get("message", "") for node, condition in told.items()}
    assert missing["node-4"].startswith("hugetlb: ") and ";" not in missing["node-4"], missing
    assert "memory: " in missing["node-5"] and "is not delegated to us (systemd: Delegate=yes)" in missing["node-5"]


async def a_joined_machine_keeps_limits_and_pods(cluster: Cluster) -> None:
    selector = {"kubernetes.io/hostname": "node-3"}
    pod = await cluster.run("subject", FOR_EVER, limits=LIMITS, nodeSelector=selector, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert (group / "memory.max").read_text().strip() == str(64 << 20)
    async with Undisturbed(cluster):
        before = main_pid("joined")
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: main_pid("joined") not in (0, before), "systemd has started another agent")
        await eventually(lambda: cluster.ready("node-3"), "the node is Ready")


async def an_ordinary_users_pods_have_limits_and_go_on(cluster: Cluster) -> None:
    selector = {"kubernetes.io/hostname": "node-4"}
    pod = await cluster.run("own", FOR_EVER, limits=LIMITS, nodeSelector=selector, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert "user@1000.service" in group.parts and (group / "memory.max").read_text().strip() == str(64 << 20)
    home = group.parent.parent / "supervisor"
    async with Undisturbed(cluster, "own"):
        (before,) = [pid for pid, place in supervisors().items() if place.endswith(f"{home.parent.name}/supervisor")]
        os.kill(before, signal.SIGKILL)
        await eventually(lambda: home in homes(without=before), "another lives where the workloads are")


async def limits_that_cannot_be_kept_are_refused(cluster: Cluster) -> None:
    """By an agent whose options say so."""
    selector = {"kubernetes.io/hostname": "node-5"}
    await cluster.create("strict", FOR_EVER, limits=LIMITS, nodeSelector=selector)
    await cluster.run("free", FOR_EVER, nodeSelector=selector)

    async def waits() -> str:
        waiting = (await cluster.container("strict"))["state"].get("waiting", {})
        return str(waiting["message"]) if waiting.get("reason") == "CreateContainerConfigError" else ""

    message = await eventually(waits, "its container waits")
    assert message.startswith("this node cannot keep the "), message
