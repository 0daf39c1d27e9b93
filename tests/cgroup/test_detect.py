"""Which driver a host gets, on made-up hosts and on this one."""

import os
from pathlib import Path

import pytest

from node_agent.cgroup.detect import base_name, delegated_base, detect, locate, only_v2
from node_agent.cgroup.port import Entrances, Limits, Located
from tests.cgroup.made_up import made_up_proc, made_up_v2

V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/c1 /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime - cgroup2 cgroup2 rw,nsdelegate
"""
V1_GROUPS = "9:name=systemd:/init.scope\n5:memory:/docker/c1/mine\n2:cpu,cpuacct:/system.slice\n0::/user.slice\n"


def test_mounts_and_own_groups_are_located() -> None:
    located = {place.mount: place for place in locate(V1_MOUNTS, V1_GROUPS)}
    assert located["/sys/fs/cgroup/cpu,cpuacct"].own_path == "/system.slice"
    assert located["/sys/fs/cgroup/memory"].own_path == "/mine"
    assert located["/sys/fs/cgroup/uni fied"] == Located("/sys/fs/cgroup/uni fied", "/user.slice", frozenset())
    assert "/sys/fs/cgroup" not in located


@pytest.mark.parametrize(
    ("own_path", "base"),
    [
        ("/system.slice/agent.service", "/cg/system.slice/agent.service"),
        ("/system.slice/agent.service/supervisor", "/cg/system.slice/agent.service"),
        ("/system.slice/agent.service/agent", "/cg/system.slice/agent.service"),
        ("", "/cg"),
    ],
)
def test_the_delegated_group_is_ours_or_the_one_above_our_leaf(own_path: str, base: str) -> None:
    assert delegated_base(Located("/cg", own_path)) == base


def test_a_v2_host_gets_the_v2_driver_below_its_own_group(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_v2(tmp_path, procs=""))
    assert (driver.name, driver.abilities) == ("v2", {"cpu", "io", "memory", "pids", "tree-kill"})
    assert driver.entrances("a") == Entrances(f"{tmp_path}/cgroup/unit/a")
    assert (tmp_path / "cgroup" / "unit" / "supervisor").is_dir()


def test_a_services_own_group_stays_free_so_that_systemd_can_start_it_again(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_v2(tmp_path, procs="", unit="agent.service"))
    assert driver.name == "none"
    assert "where systemd starts a service" in driver.missing["memory"]


def test_below_a_service_that_starts_in_a_subgroup_there_is_room(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_v2(tmp_path, procs="", unit="agent.service/agent"))
    assert driver.entrances("a") == Entrances(f"{tmp_path}/cgroup/agent.service/a")


@pytest.mark.parametrize(
    ("mounts", "only"),
    [
        ("24 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", True),
        (V1_MOUNTS, False),
        ("", False),
    ],
    ids=["v2", "hybrid", "none"],
)
def test_whether_the_unified_hierarchy_has_the_controllers(tmp_path: Path, mounts: str, only: bool) -> None:
    assert only_v2(made_up_proc(tmp_path, mounts, "0::/\n")) is only


def test_a_controller_that_is_not_delegated_is_missing(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_v2(tmp_path, procs="", controllers="pids"))
    assert driver.abilities == {"pids", "tree-kill"}
    assert "not delegated" in driver.missing["memory"]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's own group counts as delegated")
def test_a_group_shared_with_strangers_is_left_alone(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_v2(tmp_path, procs="1\n"))
    assert driver.name == "none"
    assert "shared with other processes" in driver.missing["memory"]


def test_a_host_without_cgroups_says_so(tmp_path: Path) -> None:
    driver = detect("n", proc=made_up_proc(tmp_path, "", ""))
    assert (driver.name, driver.missing["cpu"]) == ("none", "no cgroup hierarchy is mounted")


def test_nodes_of_one_name_on_one_host_have_bases_of_their_own(tmp_path: Path) -> None:
    assert base_name("n", str(tmp_path / "a")) != base_name("n", str(tmp_path / "b"))


def test_this_host_enforces_what_its_driver_promises(tmp_path: Path) -> None:
    name = base_name("test", str(tmp_path))
    driver = detect(name)
    if driver.name == "none":
        pytest.skip("this host lets us make no cgroups")
    try:
        driver.create("workloads/a", Limits(memory_bytes=1 << 24, cpu_millis=100, cpu_request_millis=10, pids=5))
        driver.create("workloads/a", Limits(memory_bytes=1 << 25))
        driver.create("workloads/a", Limits())
        assert driver.procs("workloads/a") == ()
        assert driver.usage("workloads/a").oom_kills == 0
    finally:
        assert driver.remove("workloads/a")
        driver.remove("")
