"""What the drivers write, on directories that look like a kernel's."""

from pathlib import Path

import pytest

from node_agent.cgroup import files
from node_agent.cgroup.none import NoCgroups
from node_agent.cgroup.port import ABILITIES, NO_LIMITS, NO_USAGE, Entrances, Limits, Usage
from node_agent.cgroup.v1 import V1, quota_us_of, shares_of
from node_agent.cgroup.v2 import V2, weight_of
from tests.cgroup.made_up import contents, seed

GROUP = "workloads/a"


V2_FILES = {"memory__max": "max\n", "memory__swap__max": "max\n", "memory__oom__group": "0\n", "cpu__max": "max\n"}
V2_FILES |= {"memory__low": "0\n"}
V2_FILES |= {"cpu__weight": "100\n", "pids__max": "max\n", "cgroup__subtree_control": "", "cgroup__procs": ""}


@pytest.fixture
def unified(tmp_path: Path) -> Path:
    """A delegated v2 group that already has its children, since only the kernel fills directories."""
    for folder in (tmp_path, tmp_path / "workloads", tmp_path / GROUP):
        seed(folder, **V2_FILES)
    return tmp_path


def v2(base: Path) -> V2:
    return V2(str(base), frozenset({"cpu", "memory", "pids"}), {})


LIMITED = ("memory.max", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max")


@pytest.mark.parametrize(
    ("limits", "written"),
    [
        pytest.param(NO_LIMITS, ["max", "max", "max 100000", "1", "max"], id="none"),
        pytest.param(
            Limits(memory_bytes=1048576, cpu_millis=1500, cpu_request_millis=1000, pids=9),
            ["1048576", "0", "150000 100000", "39", "9"],
            id="all",
        ),
        pytest.param(Limits(cpu_millis=1), ["max", "max", "1000 100000", "1", "max"], id="the smallest quota"),
    ],
)
def test_v2_writes_limits(unified: Path, limits: Limits, written: list[str]) -> None:
    v2(unified).create(GROUP, limits)
    assert [text.removesuffix("\n") for text in contents(unified / GROUP, *LIMITED)] == written


def test_v2_lets_every_parent_hand_controllers_down(unified: Path) -> None:
    v2(unified).create(GROUP, NO_LIMITS)
    for parent in (unified, unified / "workloads"):
        assert (parent / "cgroup.subtree_control").read_text() == "+pids"
    assert (unified / GROUP / "cgroup.subtree_control").read_text() == ""


def test_v2_reads_usage(unified: Path) -> None:
    seed(
        unified / GROUP,
        memory__current="5000\n",
        memory__stat="anon 3000\ninactive_file 1000\n",
        cpu__stat="usage_usec 7\nuser_usec 3\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2\n",
        memory__pressure="some avg10=1.50 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 total=0",
        pids__current="2\n",
        memory__events="low 0\noom 1\noom_kill 3\noom_group_kill 1\n",
    )
    assert v2(unified).usage(GROUP) == Usage(
        memory_bytes=4000, memory_usage_bytes=5000, cpu_ns=7000, pids=2, oom_kills=3,
        periods=9, throttled_periods=4, throttled_ns=2000, memory_pressure=1.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("files", "killed"),
    [
        pytest.param({}, False, id="nothing happened"),
        pytest.param({"memory__events__local": "oom_kill 1\noom_group_kill 1\n"}, True, id="the whole group"),
        pytest.param(
            {"memory__events__local": "oom_kill 0\noom_group_kill 0\n", "memory__events": "oom_kill 1\n"},
            False, id="a process in a group of the workload's own",
        ),
        pytest.param({"memory__events": "oom_kill 1\n"}, True, id="an older kernel"),
    ],
)  # fmt: skip
def test_v2_tells_whether_memory_ended_it(unified: Path, files: dict[str, str], killed: bool) -> None:
    seed(unified / GROUP, **files)
    assert v2(unified).oom_killed(GROUP) is killed


def test_v2_ends_a_container_as_a_whole_and_a_level_never(unified: Path) -> None:
    driver = v2(unified)
    driver.bound("workloads", Limits(memory_bytes=1 << 30))
    driver.create(GROUP, Limits(memory_request_bytes=4096))
    assert contents(unified / "workloads", "memory.max", "memory.oom.group") == ["1073741824", "0"]
    assert contents(unified / GROUP, "memory.oom.group", "memory.low") == ["1", "4096"]


def test_v2_kills_by_one_write(unified: Path) -> None:
    seed(unified / GROUP, cgroup__kill="")
    v2(unified).kill(GROUP)
    assert (unified / GROUP / "cgroup.kill").read_text() == "1"


def test_an_older_kernel_freezes_the_group_while_each_process_is_killed(
    unified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(unified / GROUP, cgroup__freeze="0", cgroup__procs="11\n12\n")
    frozen = unified / GROUP / "cgroup.freeze"
    killed: list[tuple[tuple[int, ...], str]] = []
    monkeypatch.setattr(files, "kill_each", lambda pids: killed.append((pids, frozen.read_text())))
    v2(unified).kill(GROUP)
    assert (killed, frozen.read_text()) == ([((11, 12), "1")], "0")


def test_a_group_that_is_gone_uses_nothing_and_holds_nobody(tmp_path: Path) -> None:
    driver = v2(tmp_path)
    assert driver.usage("workloads/gone") == NO_USAGE
    assert driver.procs("workloads/gone") == ()
    driver.kill("workloads/gone")
    assert driver.remove("workloads/gone")


def test_v2_never_removes_the_delegated_group(unified: Path) -> None:
    assert not v2(unified).remove("")


def test_procs_are_those_of_the_whole_subtree(unified: Path) -> None:
    seed(unified / GROUP, cgroup__procs="11\n12\n")
    seed(unified / GROUP / "nested", cgroup__procs="13\n")
    assert v2(unified).procs(GROUP) == (11, 12, 13)


def test_a_refused_limit_names_its_file() -> None:
    driver = V1({"pids": "/proc/self/no-such"}, {})
    with pytest.raises(OSError, match="no-such"):
        driver.create(GROUP, NO_LIMITS)


@pytest.mark.parametrize(
    ("before", "limit", "order"),
    [
        pytest.param("9223372036854771712", 4096, "1 then both", id="lowering"),
        pytest.param("4096", 8192, "both then 1", id="raising"),
    ],
)
def test_v1_limits_memory_together_with_swap(tmp_path: Path, before: str, limit: int, order: str) -> None:
    seed(tmp_path / GROUP, memory__limit_in_bytes=before, memory__memsw__limit_in_bytes=before)
    V1({"memory": str(tmp_path)}, {}).create(GROUP, Limits(memory_bytes=limit))
    names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    assert [int(text[: len(str(limit))]) for text in contents(tmp_path / GROUP, *names)] == [limit, limit]


def test_v1_enters_each_tree_once(tmp_path: Path) -> None:
    together = str(tmp_path / "cpu,cpuacct")
    driver = V1({"cpu": together, "cpuacct": together, "pids": str(tmp_path / "pids")}, {})
    assert driver.entrances("a") == Entrances(files=(f"{together}/a/tasks", f"{tmp_path}/pids/a/tasks"))
    assert driver.abilities == {"cpu", "pids", "tree-kill"}


@pytest.mark.parametrize(
    ("millis", "shares", "weight"),
    [(None, 2, 1), (0, 2, 1), (1, 2, 1), (250, 256, 10), (1000, 1024, 39), (10**9, 1024 * 10**6, 10_000)],
)
def test_requests_become_shares_and_weights(millis: int | None, shares: int, weight: int) -> None:
    assert (shares_of(millis), weight_of(millis)) == (shares, weight)


@pytest.mark.parametrize(("millis", "quota_us"), [(1, 1000), (10, 1000), (11, 1100), (500, 50_000), (2500, 250_000)])
def test_limits_become_quotas(millis: int, quota_us: int) -> None:
    assert quota_us_of(millis) == quota_us


def test_without_cgroups_every_ability_is_missing_with_a_reason() -> None:
    driver = NoCgroups("not delegated")
    assert driver.missing == dict.fromkeys(ABILITIES, "not delegated")
    driver.create(GROUP, Limits(pids=1))
    assert (driver.entrances(GROUP), driver.procs(GROUP), driver.usage(GROUP), driver.remove(GROUP)) == (
        Entrances(),
        (),
        NO_USAGE,
        True,
    )
