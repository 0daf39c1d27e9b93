"""Node pressure: when it holds, who goes, what is told, with made-up shortages."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.arguments import BadArgument, read_arguments
from node_agent.plan.eviction import (
    Amount,
    Figures,
    Judgement,
    Observed,
    PressureState,
    Signal,
    Threshold,
    eviction_message,
    judge,
    ranked,
    refused,
    request_of,
)
from node_agent.pressure.pressure import figures_of
from node_agent.pressure.thresholds import DEFAULT_HARD, read_period, read_thresholds
from node_agent.storage.disk import DiskStorage
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import PodSpace, Space
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.waiting import eventually

MIB = 2**20
HARD = Threshold(Signal.MEMORY, Amount(number=100 * MIB))
SOFT = Threshold(Signal.MEMORY, Amount(percent=20), grace_s=30)
DISK = Threshold(Signal.DISK, Amount(percent=10), reclaim=Amount(percent=5))


def memory(available_mib: int) -> dict[Signal, Observed]:
    return {Signal.MEMORY: Observed(available_mib * MIB, 1000 * MIB)}


def disk(available_mib: int) -> dict[Signal, Observed]:
    return {Signal.DISK: Observed(available_mib * MIB, 1000 * MIB)}


def looks(*seen: tuple[float, dict[Signal, Observed]], of: tuple[Threshold, ...]) -> Judgement:
    """The judgement after several looks, each at its second."""
    judgement = Judgement(PressureState())
    for at_s, observed in seen:
        judgement = judge(judgement.state, of, observed, at_s, 60.0)
    return judgement


@pytest.mark.parametrize(
    ("judgement", "conditions", "starved"),
    [
        pytest.param(looks((0, memory(500)), of=(HARD, SOFT)), set(), (), id="enough"),
        pytest.param(looks((0, memory(99)), of=(HARD,)), {"MemoryPressure"}, (HARD,), id="hard, at once"),
        pytest.param(looks((0, memory(100)), of=(HARD,)), set(), (), id="as much as the threshold is enough"),
        pytest.param(looks((0, memory(150)), of=(SOFT,)), {"MemoryPressure"}, (), id="soft, told at once"),
        pytest.param(
            looks((0, memory(150)), (29, memory(150)), of=(SOFT,)), {"MemoryPressure"}, (), id="soft, in its grace"
        ),
        pytest.param(
            looks((0, memory(150)), (30, memory(150)), of=(SOFT,)), {"MemoryPressure"}, (SOFT,), id="soft, after it"
        ),
        pytest.param(
            looks((0, memory(150)), (20, memory(300)), (40, memory(150)), of=(SOFT,)),
            {"MemoryPressure"}, (), id="its grace begins anew",
        ),
        pytest.param(looks((0, memory(50)), (59, memory(500)), of=(HARD,)), {"MemoryPressure"}, (), id="in transition"),
        pytest.param(looks((0, memory(50)), (60, memory(500)), of=(HARD,)), set(), (), id="after it"),
        pytest.param(looks((0, disk(90)), (1, disk(120)), of=(DISK,)), {"DiskPressure"}, (DISK,), id="not reclaimed"),
        pytest.param(looks((0, disk(90)), (1, disk(150)), of=(DISK,)), {"DiskPressure"}, (), id="reclaimed"),
        pytest.param(looks((0, disk(120)), of=(DISK,)), set(), (), id="what is reclaimed does not count before"),
        pytest.param(looks((0, {}), of=(HARD, DISK)), set(), (), id="what cannot be seen is not short"),
        pytest.param(
            looks((0, disk(10) | memory(10)), of=(DISK, HARD)),
            {"MemoryPressure", "DiskPressure"}, (HARD, DISK), id="memory comes first",
        ),
    ],
)  # fmt: skip
def test_pressure(judgement: Judgement, conditions: set[str], starved: tuple[Threshold, ...]) -> None:
    assert (set(judgement.conditions), judgement.starved) == (conditions, starved)


def uses(name: str, used_mib: int, asked_mib: int = 0, priority: int = 0, **more: Any) -> Figures:
    requests = {"memory": f"{asked_mib}Mi"} if asked_mib else {}
    of = evolve(pod(name, {"command": ["x"], "resources": {"requests": requests}}), **{"spec.priority": priority})
    return Figures(of, {"app": used_mib * MIB}, **more)


@pytest.mark.parametrize(
    ("figures", "order"),
    [
        pytest.param([uses("modest", 50, 100), uses("greedy", 150, 100)], ["greedy", "modest"], id="over its request"),
        pytest.param([uses("a", 900, priority=10), uses("b", 1)], ["b", "a"], id="then priority"),
        pytest.param([uses("a", 200, 150), uses("b", 120, 10)], ["b", "a"], id="then by how much"),
        pytest.param([uses("a", 50, 100, 5), uses("b", 90, 100, 5)], ["b", "a"], id="within it, the nearest to it"),
        pytest.param([uses("vital", 900, 0, 2_000_000_000), uses("b", 1)], ["b"], id="critical ones never"),
        pytest.param([uses("b", 1), uses("a", 1)], ["a", "b"], id="else by name, so that it is always the same"),
    ],
)
def test_who_goes_first(figures: list[Figures], order: list[str]) -> None:
    assert [each.pod.metadata.name for each in ranked(figures, Signal.MEMORY)] == order


def test_a_full_disk_and_too_many_processes_rank_by_their_own() -> None:
    figures = [uses("a", 900, disk_bytes=1, pids=9, inodes=3), uses("b", 1, disk_bytes=2, pids=1, inodes=4)]
    orders = {signal: [each.pod.metadata.name for each in ranked(figures, signal)] for signal in Signal}
    assert orders == {
        Signal.MEMORY: ["a", "b"], Signal.DISK: ["b", "a"], Signal.INODES: ["b", "a"], Signal.PIDS: ["a", "b"],
    }  # fmt: skip


def test_the_message_is_the_kubelets() -> None:
    assert eviction_message(uses("a", 200), HARD, Observed(50 * MIB, 1000 * MIB)) == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
        "Container app was using 200Mi, request is 0, has larger consumption of memory. "
    )
    assert eviction_message(uses("a", 200, own_bytes={"app": 5 * MIB}), DISK, Observed(3000, 1000 * MIB)) == (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 2Ki. "
        "Container app was using 5Mi, request is 0, has larger consumption of ephemeral-storage. "
    )


def test_a_pod_asks_for_what_its_sidecars_ask_for_too() -> None:
    sidecar = {
        "name": "side",
        "command": ["x"],
        "restartPolicy": "Always",
        "resources": {"requests": {"memory": "1Mi"}},
    }
    main = {"command": ["x"], "resources": {"requests": {"memory": "2Mi"}}}
    assert request_of(pod("web", main, initContainers=[sidecar]), Signal.MEMORY) == 3 * MIB


def test_what_one_container_writes_is_its_own_and_what_several_write_is_the_pods() -> None:
    space = PodSpace(Space(5 * MIB, 1), logs={"app": Space(MIB, 1)})
    assert figures_of(pod("web"), {}, space).own_bytes == {"app": 6 * MIB}
    assert figures_of(pod("web", fake(), {"name": "b", **fake()}), {}, space).own_bytes == {"app": MIB}


ASKING, BEST_EFFORT = uses("a", 0, 10).pod, uses("b", 0).pod
TOLERANT = pod("c", tolerations=[{"operator": "Exists"}])


@pytest.mark.parametrize(
    ("of", "held", "words"),
    [
        (BEST_EFFORT, set(), ""),
        (BEST_EFFORT, {"MemoryPressure"}, "The node had condition: [MemoryPressure]. "),
        (ASKING, {"MemoryPressure"}, ""),
        (TOLERANT, {"MemoryPressure"}, ""),
        (ASKING, {"DiskPressure", "MemoryPressure"}, "The node had condition: [MemoryPressure, DiskPressure]. "),
        (uses("d", 0, 0, 2_000_000_000).pod, {"DiskPressure"}, ""),
    ],
    ids=["no pressure", "best effort", "asks for memory", "tolerates it", "a full disk refuses all", "critical"],
)
def test_who_is_not_taken(of: Pod, held: set[str], words: str) -> None:
    assert refused(of, frozenset(held)) == words


def test_thresholds_are_read() -> None:
    read = read_thresholds(
        "memory.available<100Mi,nodefs.available<10%", "memory.available<20%", "memory.available=30s",
        "nodefs.available=5%",
    )  # fmt: skip
    assert read == (HARD, DISK, SOFT)
    assert [threshold.signal for threshold in read_thresholds(DEFAULT_HARD)] == [
        Signal.MEMORY,
        Signal.DISK,
        Signal.INODES,
    ]
    assert read_thresholds("memory.available<0%") == ()


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("2h", 7200), ("500ms", 0.5), ("1.5m", 90)])
def test_periods_are_read(text: str, seconds: float) -> None:
    assert read_period(text) == seconds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--eviction-hard", "memory.available>1"],
         '--eviction-hard: "memory.available>1" is not of the form signal<value'),
        (["--eviction-hard", "memory.free<1"], 'unsupported eviction signal "memory.free"; supported: memory'),
        (["--eviction-hard", "memory.available<1,memory.available<2"], "is given twice"),
        (["--eviction-hard", "memory.available<lots"], "'lots' is not a quantity"),
        (["--eviction-hard", "memory.available<-1Gi"], "must not be negative"),
        (["--eviction-hard", "memory.available<100%"], "below 100%"),
        (["--eviction-hard", "memory.available<x%"], "is not a percentage"),
        (["--eviction-soft", "memory.available<1Gi"],
         "--eviction-soft: grace period must be specified for the soft eviction threshold memory.available"),
        (["--eviction-soft", "memory.available<1Gi", "--eviction-soft-grace-period", "memory.available=5"],
         '--eviction-soft-grace-period: "5" is not a duration'),
        (["--eviction-soft-grace-period", "memory.available=0s"], "grace period must be more than 0s"),
        (["--eviction-minimum-reclaim", "nodefs.available=x"], "--eviction-minimum-reclaim: 'x' is not a quantity"),
        (["--eviction-pressure-transition-period", "soon"], '"soon" is not a duration'),
        (["--eviction-max-pod-grace-period", "-1"], "must be 0 or more seconds"),
        (["--crash-loop-max", "10m"], "--crash-loop-max must be from 1s to 300s, not 10m"),
        (["--crash-loop-max", "0s"], "--crash-loop-max must be from 1s to 300s, not 0s"),
        (["--crash-loop-max", "quick"], '--crash-loop-max: "quick" is not a duration'),
    ],
)  # fmt: skip
def test_bad_thresholds(arguments: list[str], words: str) -> None:
    with pytest.raises(BadArgument) as refusal:
        read_arguments(["--name", "n", *arguments])
    assert words in str(refusal.value)


async def test_the_space_of_a_pod_and_its_end(tmp_path: Any) -> None:
    storage = DiskStorage(tmp_path)
    storage.open()
    (storage.prepare_pod("u") / "big").write_bytes(b"x" * 100_000)
    space = await storage.space_of("u")
    assert space.total.bytes >= 100_000 and space.total.inodes >= 2
    await storage.empty_pod("u")
    assert (await storage.space_of("u")).total.bytes == 0
    assert await storage.space_of("unknown") == PodSpace()
    storage.close()


SHORT = {Signal.MEMORY: Observed(50 * MIB, 1000 * MIB)}


@scenario
async def test_a_pod_is_evicted_and_the_node_says_why(cluster: Cluster) -> None:
    cluster.thresholds = (HARD,)
    await cluster.start_agent()
    await cluster.hub.assign(pod("small", fake("--memory-bytes", "1000", "--ignore-term")))
    await cluster.hub.assign(pod("large", fake("--memory-bytes", str(300 * MIB), "--ignore-term")))
    await cluster.hub.running("u-small")
    await cluster.hub.running("u-large")
    cluster.machine.observed = dict(SHORT)
    await eventually(lambda: cluster.hub.status("u-large").phase == "Failed")
    cluster.machine.observed = memory(500)
    status = cluster.hub.status("u-large")
    assert status.reason == "Evicted"
    assert status.message.startswith(
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi."
    )
    target = find_condition(status.conditions, "DisruptionTarget")
    assert target is not None and (target.status, target.reason) == ("True", "TerminationByKubelet")
    assert ("Evicted", "Warning") in [(event.reason, event.type) for event in cluster.hub.events]
    assert cluster.hub.status("u-small").phase == "Running"

    def told() -> bool:
        condition = find_condition(cluster.hub.heartbeats[-1].conditions, "MemoryPressure")
        return condition is not None and condition.reason == "KubeletHasInsufficientMemory"

    await eventually(told)


@scenario
async def test_an_evicted_pod_stays_evicted_when_the_agent_restarts(cluster: Cluster) -> None:
    cluster.thresholds = (Threshold(Signal.MEMORY, HARD.amount, grace_s=1),)
    cluster.eviction_grace_s = 20
    agent = await cluster.start_agent()
    await cluster.hub.assign(pod("web", fake("--ignore-term")))
    await cluster.hub.running("u-web")
    cluster.machine.observed = dict(SHORT)
    await eventually(lambda: cluster.hub.status("u-web").reason == "Evicted")
    assert cluster.hub.status("u-web").phase == "Running"
    began_s = cluster.clock.monotonic_s()
    await cluster.kill(agent)
    cluster.machine.observed = {}
    await cluster.start_agent()
    await eventually(lambda: cluster.hub.status("u-web").phase == "Failed", within_s=60)
    assert 18 <= cluster.clock.monotonic_s() - began_s < 22
    assert cluster.hub.status("u-web").reason == "Evicted"


@scenario
async def test_a_pod_that_asks_for_nothing_is_not_taken_while_memory_is_short(cluster: Cluster) -> None:
    cluster.thresholds = (HARD,)
    cluster.machine.observed = dict(SHORT)
    await cluster.start_agent()
    await eventually(lambda: any(h.conditions and h.conditions[0].status == "True" for h in cluster.hub.heartbeats))
    await cluster.hub.assign(pod("web"))
    await eventually(lambda: cluster.hub.status("u-web").phase == "Failed")
    assert cluster.hub.status("u-web").message == "The node had condition: [MemoryPressure]. "
    assert cluster.hub.status("u-web").container_statuses == ()
    assert await cluster.runtime.list() == ()


@scenario
async def test_a_full_disk_takes_what_is_dead_before_it_takes_pods(cluster: Cluster) -> None:
    class Freeing(MemoryStorage):
        async def empty_pod(self, uid: str) -> None:
            await super().empty_pod(uid)
            cluster.machine.observed = disk(400)

    cluster.thresholds, cluster.storage = (DISK,), Freeing()
    await cluster.start_agent()
    await cluster.hub.assign(pod("done", fake("--exit-after", "1"), restartPolicy="Never"))
    await cluster.hub.assign(pod("web"))
    await cluster.hub.running("u-web")
    await eventually(lambda: cluster.hub.status("u-done").phase == "Succeeded")
    cluster.storage.spaces["u-done"] = PodSpace(Space(300 * MIB, 1))
    cluster.machine.observed = disk(90)
    await eventually(lambda: "u-done" not in cluster.storage.spaces)
    await cluster.clock.sleep(5)
    assert cluster.hub.status("u-web").phase == "Running"
