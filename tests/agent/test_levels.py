"""Where pods stand: levels of control groups, the OOM killer's order, what is reserved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node_agent.__main__ import check_reserved
from node_agent.arguments import BadArgument, read_arguments
from node_agent.machine.fingerprint import describe_machine, pids_for_pods
from node_agent.machine.port import MemoryMachine
from node_agent.machine.reserved import Reserved, read_reserved
from node_agent.plan.environment import Host
from node_agent.plan.launch import Hold, Launch, prepare
from node_agent.plan.levels import level_limits, level_of, oom_score_adj
from node_agent.runtime.port import Fingerprint, Limits
from node_agent.settings import AgentSettings
from proto.clock import EPOCH
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from proto.quantity import whole
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import pod
from tests.waiting import eventually

MIB, GIB = 2**20, 2**30
HOST = Host(
    node="n", address="10.0.0.1", allocatable={"cpu": "3500m"}, memory_bytes=8 * GIB, enforced_memory_bytes=7 * GIB
)
FULL = {"cpu": "1", "memory": "1Gi"}


def asking(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **more: Any) -> Pod:
    return pod("web", {"command": ["serve"], "resources": {"requests": requests or {}, "limits": limits or {}}}, **more)


GUARANTEED, BEST_EFFORT = asking(FULL, FULL), asking()


@pytest.mark.parametrize(
    ("of", "level", "score"),
    [
        pytest.param(GUARANTEED, "", -997, id="guaranteed"),
        pytest.param(BEST_EFFORT, "besteffort", 1000, id="best effort"),
        pytest.param(asking({"memory": "2Gi"}), "burstable", 750, id="a quarter of the machine"),
        pytest.param(asking({"cpu": "1"}), "burstable", 999, id="no memory asked for"),
        pytest.param(asking({"memory": "8Gi"}), "burstable", 3, id="the whole machine"),
        pytest.param(asking({}, {"memory": "2Gi"}), "burstable", 750, id="the limit is the request"),
        pytest.param(
            evolve(BEST_EFFORT, **{"spec.priority": 2_000_001_000, "spec.priority_class_name": "system-node-critical"}),
            "besteffort",
            -997,
            id="critical for the node",
        ),
        pytest.param(
            evolve(BEST_EFFORT, **{"spec.priority": 2_000_000_000}), "besteffort", 1000, id="critical for the cluster"
        ),
    ],
)
def test_a_class_is_a_level_and_a_rank(of: Pod, level: str, score: int) -> None:
    assert (level_of(of), oom_score_adj(of, of.spec.containers[0], HOST.memory_bytes)) == (level, score)


def test_a_sidecar_goes_no_sooner_than_what_it_serves() -> None:
    sidecar = {"name": "side", "command": ["x"], "restartPolicy": "Always"}
    of = evolve(
        asking({"memory": "2Gi"}), **{"spec.init_containers": pod("s", initContainers=[sidecar]).spec.init_containers}
    )
    assert oom_score_adj(of, of.spec.init_containers[0], HOST.memory_bytes) == 750


def test_limits_of_nothing_are_none_and_limits_beyond_any_machine_are_what_the_kernel_takes() -> None:
    def limits(**amounts: str) -> Limits:
        launched = prepare(of := asking({}, amounts), of.spec.containers[0], {}, {}, replace(HOST, pids_limit=4096))
        assert isinstance(launched, Launch)
        return launched.limits

    nothing, all_there_is = limits(cpu="0", memory="0", pids="0"), limits(cpu="1P", pids="1T")
    assert (nothing.cpu_millis, nothing.memory_bytes, nothing.pids) == (None, None, 4096)
    assert (all_there_is.cpu_millis, all_there_is.pids) == (10**9, 1 << 22)


def test_a_launch_says_where_it_stands() -> None:
    launched = prepare(BEST_EFFORT, BEST_EFFORT.spec.containers[0], {}, {}, HOST)
    assert isinstance(launched, Launch)
    assert (launched.level, launched.oom_score_adj, launched.limits.memory_request_bytes) == ("besteffort", 1000, 0)


def test_a_level_weighs_what_its_pods_ask_for() -> None:
    pods = [GUARANTEED, BEST_EFFORT, asking({"cpu": "250m", "memory": "1Gi"}), asking({}, {"cpu": "500m"})]
    assert level_limits(pods, replace(HOST, enforced_pids=900)) == {
        "": Limits(memory_bytes=7 * GIB, cpu_request_millis=3500, memory_request_bytes=2 * GIB, pids=900),
        "burstable": Limits(cpu_request_millis=750, memory_request_bytes=GIB),
        "besteffort": Limits(cpu_request_millis=0, memory_request_bytes=0),
    }


def test_a_level_weighs_what_is_kept_for_a_pod_whose_resize_waits() -> None:
    kept = ContainerStatus(name="app", allocated_resources={"cpu": "250m"})
    waiting = evolve(asking({"cpu": "50"}), **{"status.container_statuses": (kept,)})
    assert level_limits([waiting], HOST)["burstable"].cpu_request_millis == 250


@pytest.mark.parametrize(
    ("limits", "held"),
    [({"memory": "1Gi"}, True), ({"cpu": "1"}, False), ({}, False)],
    ids=["the one that is not kept", "one that is", "none"],
)
def test_a_limit_that_cannot_be_kept_can_be_a_reason_to_wait(limits: dict[str, str], held: bool) -> None:
    of, strict = asking({}, limits), replace(HOST, unkept={"memory": "the memory controller is not delegated"})
    answer = prepare(of, of.spec.containers[0], {}, {}, strict)
    assert isinstance(answer, Hold) == held
    if isinstance(answer, Hold):
        assert (answer.reason, answer.message) == (
            "CreateContainerConfigError",
            'this node cannot keep the memory limit of container "app": the memory controller is not delegated',
        )


HUGE = {"memory": "64Mi", "hugepages-2Mi": "4Mi"}


def test_huge_pages_are_limited_and_a_limit_that_cannot_be_kept_is_a_reason_to_wait() -> None:
    of = asking({}, HUGE)
    launched = prepare(of, of.spec.containers[0], {}, {}, HOST)
    assert isinstance(launched, Launch) and launched.limits.hugepages == ((2 * MIB, 4 * MIB),)
    held = prepare(of, of.spec.containers[0], {}, {}, replace(HOST, unkept={"hugetlb": "it is not mounted"}))
    assert isinstance(held, Hold)
    assert held.message == 'this node cannot keep the hugepages-2Mi limit of container "app": it is not mounted'


def test_huge_pages_are_offered_and_taken_from_the_memory_of_the_pods() -> None:
    machine, settings = MemoryMachine(huge_pages={2 * MIB: 8 * MIB}), AgentSettings(node="n")
    can = Fingerprint("fake", "1", "boot", frozenset({"memory", "hugetlb"}))
    told = describe_machine(settings, machine, can, "i", "m", EPOCH)
    assert told.capacity["hugepages-2Mi"] == told.allocatable["hugepages-2Mi"] == "8Mi"
    taken = whole(told.capacity["memory"]) - whole(told.allocatable["memory"])
    assert (taken, told.conditions[0].status) == (8 * MIB, "True")
    cannot = replace(can, abilities=frozenset({"memory"}))
    (condition,) = describe_machine(settings, machine, cannot, "i", "m", EPOCH).conditions
    assert (condition.status, condition.message) == (
        "False", "hugetlb: the runtime knew of no huge pages when it started",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reserved"),
    [
        ("", Reserved()),
        ("cpu=500m", Reserved(500)),
        ("cpu=1, memory=1Gi,ephemeral-storage=2Gi,pid=9", Reserved(1000, GIB, 2 * GIB, 9)),
    ],
)
def test_reserved_amounts(text: str, reserved: Reserved) -> None:
    assert read_reserved(text) == reserved


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cpu", '"cpu" is not of the form resource=quantity'),
        ("disk=1Gi", '"disk" cannot be reserved; supported: cpu, memory, ephemeral-storage, pid'),
        ("cpu=1,cpu=2", '"cpu" is given twice'),
        ("memory=lots", "'lots' is not a quantity"),
        ("memory=-1Gi", "must not be negative"),
    ],
)
def test_bad_reserved_amounts(text: str, words: str) -> None:
    with pytest.raises(BadArgument) as refusal:
        read_arguments(["--name", "n", "--system-reserved", text])
    assert str(refusal.value).startswith("--system-reserved: ") and words in str(refusal.value)


@pytest.mark.parametrize(("number", "limit"), [("100", 100), ("-1", None)])
def test_processes_of_a_container_are_limited_as_the_agent_was_told(number: str, limit: int | None) -> None:
    assert read_arguments(["--name", "n", "--pod-pids-limit", number]).pids_limit == limit


def test_no_processes_at_all_are_no_limit() -> None:
    with pytest.raises(BadArgument, match="--pod-pids-limit must be at least 1, or -1 for none, not 0"):
        read_arguments(["--name", "n", "--pod-pids-limit", "0"])


def test_both_reservations_count() -> None:
    given = read_arguments(["--name", "n", "--system-reserved", "cpu=1", "--kube-reserved", "cpu=500m,memory=1Gi"])
    assert given.reserved == Reserved(1500, GIB)


@scenario
async def test_the_levels_follow_the_pods(cluster: Cluster) -> None:
    agent = await cluster.start_agent()
    await cluster.hub.assign(asking({"cpu": "250m", "memory": "1Gi"}))
    await eventually(
        lambda: cluster.runtime.levels.get("burstable") == Limits(cpu_request_millis=250, memory_request_bytes=GIB)
    )
    assert cluster.runtime.levels[""].memory_bytes == 8 * GIB
    await cluster.hub.running("u-web")
    assert cluster.hub.status("u-web").qos_class == "Burstable"
    await cluster.hub.delete("u-web")
    await eventually(lambda: cluster.runtime.levels["burstable"].cpu_request_millis == 0)
    assert not len(agent.pods)


@pytest.mark.parametrize(
    ("reserved", "words"),
    [
        (Reserved(cpu_millis=5000), 'resource "cpu" has a reservation of 5000m but capacity of 4000m'),
        (Reserved(storage_bytes=GIB), f'resource "ephemeral-storage" has a reservation of {GIB} but capacity of {MIB}'),
        (Reserved(pids=1001), 'resource "pid" has a reservation of 1001 but capacity of 1000'),
        (Reserved(memory_bytes=9 * GIB), f'resource "memory" has a reservation of {9 * GIB} but capacity of {8 * GIB}'),
    ],
)
def test_more_than_the_machine_has_is_not_reserved(reserved: Reserved, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        check_reserved(reserved, MemoryMachine(pids_max=1000, storage_bytes=MIB))


def test_what_is_kept_for_huge_pages_is_not_reserved_again() -> None:
    check_reserved(Reserved(memory_bytes=6 * GIB), MemoryMachine())
    with pytest.raises(BadArgument, match=f'"memory" has a reservation of {6 * GIB} but capacity of {4 * GIB}'):
        check_reserved(Reserved(memory_bytes=6 * GIB), MemoryMachine(huge_pages={2 * MIB: 4 * GIB}))


@pytest.mark.parametrize(("reserved", "left"), [(100, 900), (0, None)], ids=["some", "none"])
def test_processes_that_are_reserved_are_kept_from_the_pods(reserved: int, left: int | None) -> None:
    settings = AgentSettings(node="n", reserved=Reserved(pids=reserved))
    assert pids_for_pods(settings, MemoryMachine(pids_max=1000)) == left


@scenario
async def test_a_pod_without_room_is_refused_and_one_that_comes_for_one_that_goes_is_not(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(asking({"cpu": "3"}))
    await cluster.hub.running("u-web")
    await cluster.hub.assign(pod("late", {"command": ["serve"], "resources": {"requests": {"cpu": "2"}}}))
    await eventually(lambda: cluster.hub.status("u-late").phase == "Failed")
    assert cluster.hub.status("u-late").reason == "OutOfcpu"
    assert ("OutOfcpu", "Warning") in [(event.reason, event.type) for event in cluster.hub.events]
    await cluster.hub.delete("u-web")
    await cluster.hub.assign(pod("next", {"command": ["serve"], "resources": {"requests": {"cpu": "2"}}}))
    await cluster.hub.running("u-next")
