"""Huge pages and weights of disks, on directories that look like a kernel's."""

from pathlib import Path

import pytest

from node_agent.cgroup.detect import detect
from node_agent.cgroup.disks import any_weighed_by_bfq, bfq_weight_of
from node_agent.cgroup.hugepages import controller_file, pools
from node_agent.cgroup.port import NO_LIMITS, Entrances, Limits, limits_in
from node_agent.cgroup.v1 import V1
from node_agent.cgroup.v2 import V2
from tests.cgroup.made_up import contents, made_up_v2, seed

KIB, MIB, GIB = 2**10, 2**20, 2**30
GROUP = "workloads/a"


def made_up_pools(folder: Path, **pages: int) -> str:
    """Pools as `2048=4`: page size in KiB, number of pages."""
    for size, count in pages.items():
        seed(folder / "pools" / f"hugepages-{size.strip('_')}kB", nr_hugepages=f"{count}\n")
    return str(folder / "pools")


def test_a_pool_counts_once_it_has_pages(tmp_path: Path) -> None:
    assert pools(made_up_pools(tmp_path, _2048=4, _1048576=0)) == {2 * MIB: 8 * MIB}
    assert pools(str(tmp_path / "nothing")) == {}


@pytest.mark.parametrize(
    ("size", "file"), [(64 * KIB, "hugetlb.64KB.max"), (2 * MIB, "hugetlb.2MB.max"), (GIB, "hugetlb.1GB.max")]
)
def test_files_are_named_after_the_size(size: int, file: str) -> None:
    assert controller_file(size, "max") == file


def test_v2_allows_what_is_given_and_nothing_of_other_sizes(tmp_path: Path) -> None:
    names = ("hugetlb.2MB.max", "hugetlb.2MB.rsvd.max", "hugetlb.1GB.max")
    for group in (tmp_path, tmp_path / "workloads", tmp_path / GROUP):
        seed(group, cgroup__subtree_control="", **{name.replace(".", "__"): "max" for name in names})
    driver = V2(str(tmp_path), frozenset({"hugetlb"}), {}, page_sizes=(2 * MIB, GIB))
    driver.bound("workloads", NO_LIMITS)
    driver.create(GROUP, Limits(hugepages=((2 * MIB, 4 * MIB),)))
    assert contents(tmp_path / GROUP, *names) == [str(4 * MIB), str(4 * MIB), "0"]
    assert contents(tmp_path / "workloads", *names) == ["max", "max", "max"]


def test_v1_has_a_tree_for_them(tmp_path: Path) -> None:
    driver = V1({"hugetlb": str(tmp_path)}, {}, page_sizes=(2 * MIB,))
    seed(tmp_path / GROUP, hugetlb__2MB__limit_in_bytes="", hugetlb__2MB__rsvd__limit_in_bytes="")
    driver.create(GROUP, NO_LIMITS)
    assert contents(tmp_path / GROUP, "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.rsvd.limit_in_bytes") == ["0", "0"]
    entrances = Entrances(files=(f"{tmp_path}/{GROUP}/tasks",))
    assert (driver.abilities, driver.entrances(GROUP)) == ({"hugetlb", "tree-kill"}, entrances)


def test_a_group_from_before_there_were_huge_pages_is_entered_where_it_is(tmp_path: Path) -> None:
    driver = V1({"pids": str(tmp_path / "pids"), "hugetlb": str(tmp_path / "hugetlb")}, {}, page_sizes=(2 * MIB,))
    seed(tmp_path / "pids" / GROUP, cgroup__procs="")
    assert driver.entrances(GROUP) == Entrances(files=(f"{tmp_path}/pids/{GROUP}/tasks",))


@pytest.mark.parametrize(
    ("pages", "controllers", "ability", "missing"),
    [(4, "cpu memory pids hugetlb", True, False), (4, "cpu memory pids", False, True), (0, "cpu pids", False, False)],
    ids=["kept", "the controller is not there", "no huge pages"],
)
def test_limits_are_missing_only_where_there_are_huge_pages(
    tmp_path: Path, pages: int, controllers: str, ability: bool, missing: bool
) -> None:
    proc = made_up_v2(tmp_path, procs="", controllers=controllers)
    driver = detect("n", proc=proc, pools=made_up_pools(tmp_path, _2048=pages))
    assert ("hugetlb" in driver.abilities, "hugetlb" in driver.missing) == (ability, missing)


@pytest.mark.parametrize(("millis", "weight"), [(None, 1), (250, 25), (1000, 100), (64_000, 1000)])
def test_requests_become_weights_of_the_disk(millis: int | None, weight: int) -> None:
    assert bfq_weight_of(millis) == weight


def test_v2_weighs_disks_as_it_weighs_processors(tmp_path: Path) -> None:
    for group in (tmp_path, tmp_path / GROUP):
        seed(group, cgroup__subtree_control="", io__weight="default 100", io__bfq__weight="default 100")
    V2(str(tmp_path), frozenset({"io"}), {}).create(GROUP, Limits(cpu_request_millis=1000))
    assert contents(tmp_path / GROUP, "io.weight", "io.bfq.weight") == ["39", "100"]


def test_v1_weighs_disks_in_a_tree_of_its_own(tmp_path: Path) -> None:
    seed(tmp_path / GROUP, blkio__bfq__weight="100")
    driver = V1({"blkio": str(tmp_path)}, {})
    driver.create(GROUP, Limits(cpu_request_millis=500))
    assert contents(tmp_path / GROUP, "blkio.bfq.weight") == ["50"]
    assert "io" in driver.abilities


@pytest.mark.parametrize(
    ("scheduler", "weighs"), [("none mq-deadline [bfq]\n", True), ("[none] bfq\n", False)], ids=["bfq", "another"]
)
def test_a_disk_is_weighed_by_the_scheduler_that_it_has(tmp_path: Path, scheduler: str, weighs: bool) -> None:
    seed(tmp_path / "sda" / "queue", scheduler=scheduler)
    assert any_weighed_by_bfq(str(tmp_path)) is weighs
    assert not any_weighed_by_bfq(str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("told", "limits"),
    [
        ({}, NO_LIMITS),
        ({"pids": 9, "hugepages": [[2 * MIB, 4 * MIB]]}, Limits(pids=9, hugepages=((2 * MIB, 4 * MIB),))),
        ({"pids": 9, "of_a_later_version": 1}, Limits(pids=9)),
    ],
    ids=["nothing", "as JSON has pairs", "more than is known"],
)
def test_limits_are_read_from_any_version(told: dict[str, object], limits: Limits) -> None:
    assert limits_in(told) == limits
