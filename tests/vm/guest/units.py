"""The units of `deploy/`, and where their control groups stand."""

from __future__ import annotations

import os

from tests.vm.guest.cluster import Cluster
from tests.vm.guest.shared import (
    first_pid,
    homes,
)
from tests.vm.guest.system import (
    AGENT,
    CGROUPS,
    eventually,
    group_of,
    main_pid,
    shown,
)

UNITS = {".service", ".scope", ".slice", ".mount", ".socket", ".swap", ".automount"}


async def the_units_start(cluster: Cluster) -> None:
    for unit in ("setpoint-nats", "setpoint-control-plane", AGENT):
        assert shown(unit, "ActiveState") == "active", unit
    assert shown(AGENT, "Delegate") == "yes"


async def the_node_is_ready_and_keeps_all_limits(cluster: Cluster) -> None:
    await eventually(lambda: cluster.ready("hub"), "the node is Ready")
    condition = (await cluster.node("hub"))["CgroupLimits"]
    assert condition["status"] == "True", condition


async def every_group_lies_in_a_delegated_subtree(cluster: Cluster) -> None:
    workload = group_of(await first_pid(cluster, "subject"))
    scope = workload.parent.parent
    assert scope.suffix == ".scope", workload
    assert os.getxattr(scope, "trusted.delegate") == b"1"
    assert homes(without=0) == [scope / "supervisor"]
    assert [group for group in CGROUPS.rglob("workloads") if group.is_dir()] == [scope / "workloads"]
    assert not (scope / "cgroup.procs").read_text()
    untouched = {
        "pids.max": "max",
        "memory.max": "max",
        "memory.low": "0",
        "cpu.max": "max 100000",
        "cpu.weight": "100",
    }
    assert {name: (scope / name).read_text().strip() for name in untouched} == untouched


async def nothing_is_made_outside_of_it(cluster: Cluster) -> None:
    """Every other group bears the name of one of systemd's units."""
    scope = group_of(await first_pid(cluster, "subject")).parent.parent
    groups = [group for group in CGROUPS.rglob("*") if group.is_dir() and scope not in (group, *group.parents)]
    assert [group for group in groups if group.suffix not in UNITS] == []


async def the_agents_own_group_holds_the_agent_alone(cluster: Cluster) -> None:
    group = group_of(main_pid(AGENT))
    assert group.name == f"{AGENT}.service"
    assert [int(pid) for pid in (group / "cgroup.procs").read_text().split()] == [main_pid(AGENT)]
    assert not [entry for entry in group.iterdir() if entry.is_dir()]
