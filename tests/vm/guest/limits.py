"""Limits: what the kernel is told of a pod, and what comes of it."""

from __future__ import annotations

from pathlib import Path

from tests.vm.guest.cluster import Cluster, Raw
from tests.vm.guest.shared import (
    FOR_EVER,
    LIMITS,
    UNREACHABLE,
    Undisturbed,
    first_pid,
)
from tests.vm.guest.system import (
    eventually,
    group_of,
    pids_of,
)

RESERVED_MIB = 256
"""As `cargo` writes it into the agent's options."""
MAP_HUGE = """exec /usr/bin/python3 -c 'import mmap, sys
try:
    pages = mmap.mmap(-1, {mebibytes} << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)
    pages[::4096] = b"x" * len(pages[::4096])
except OSError as problem:
    sys.exit(problem.errno)'"""
"""0x40000 is MAP_HUGETLB; 12 is ENOMEM."""
EAT_MEMORY = "exec /usr/bin/python3 -c 'b = bytearray(256 << 20)'"


async def limits_are_in_the_kernels_files(cluster: Cluster) -> None:
    pod = await cluster.run("subject", FOR_EVER, limits=LIMITS, tolerations=UNREACHABLE)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert values(group, "memory.max", "memory.swap.max", "cpu.max", "pids.max") == [
        str(64 << 20), "0", "25000 100000", "4096",
    ]  # fmt: skip


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


async def new_pods_still_have_limits(cluster: Cluster) -> None:
    pod = await cluster.run("late", FOR_EVER, limits=LIMITS)
    group = group_of(pids_of(pod["metadata"]["uid"])[0])
    assert group.parent == group_of(await first_pid(cluster, "subject")).parent
    assert (group / "memory.max").read_text().strip() == str(64 << 20)
    await cluster.delete("late")


async def classes_are_levels_with_what_they_ask_for(cluster: Cluster) -> None:
    await cluster.run("elastic", FOR_EVER, requests={"cpu": "100m", "memory": "32Mi"}, limits={"memory": "64Mi"})
    await cluster.run("modest", FOR_EVER)
    top, group = group_of(await first_pid(cluster, "subject")).parent, group_of(await first_pid(cluster, "elastic"))
    assert group.parent == top / "burstable"
    assert group_of(await first_pid(cluster, "modest")).parent == top / "besteffort"
    await eventually(
        lambda: values(group.parent, "memory.low") == [str(32 << 20)], "the level has what its pods ask for"
    )
    # 100 thousandths are 102 shares, of 2 to 262,144, as a weight of 1 to 10,000.
    assert values(group.parent, "cpu.weight", "memory.max", "memory.oom.group") == ["4", "max", "0"]
    assert values(top / "besteffort", "cpu.weight", "memory.low") == ["1", "0"]
    assert values(group, "cpu.weight", "memory.low", "memory.max", "memory.oom.group") == [
        "4", str(32 << 20), str(64 << 20), "1",
    ]  # fmt: skip
    scores = [await _oom_score_adj(cluster, pod) for pod in ("subject", "elastic", "modest")]
    assert scores[0] == -997 and 900 < scores[1] < 1000 and scores[2] == 1000, scores


async def what_is_reserved_is_kept_from_the_pods(cluster: Cluster) -> None:
    status = (await cluster.ask("get.core.nodes._.hub"))["status"]
    kibibytes = [int(status[side]["memory"].removesuffix("Ki")) for side in ("capacity", "allocatable")]
    huge = int(status["capacity"]["hugepages-2Mi"].removesuffix("Mi"))
    assert kibibytes[0] - kibibytes[1] == (RESERVED_MIB + huge) << 10, status
    top = group_of(await first_pid(cluster, "subject")).parent
    page_kibibytes = 4
    assert values(top, "memory.max") == [str(kibibytes[1] // page_kibibytes * page_kibibytes << 10)]


async def huge_pages_are_had_up_to_the_limit(cluster: Cluster) -> None:
    """A program maps as many bytes as it is told: within its limit, beyond it, and without a limit."""
    for name, mebibytes, limits, code in (
        ("within", 4, {"memory": "32Mi", "hugepages-2Mi": "4Mi"}, 0),
        ("beyond", 6, {"memory": "32Mi", "hugepages-2Mi": "4Mi"}, 12),
        ("without", 2, {"memory": "32Mi"}, 12),
    ):
        await cluster.run(name, MAP_HUGE.format(mebibytes=mebibytes), limits=limits, restartPolicy="Never")
        assert (await cluster.ended(name))["exitCode"] == code, name
        await cluster.delete(name)


async def a_resize_changes_the_kernels_files_and_restarts_nothing(cluster: Cluster) -> None:
    async with Undisturbed(cluster):
        group = group_of(await first_pid(cluster, "subject"))
        for amounts in ({"memory": "96Mi", "cpu": "500m"}, LIMITS):
            await cluster.resize("subject", amounts)

            async def settled(wanted: Raw = amounts) -> bool:
                pod = await cluster.pod("subject")
                conditions = {condition["type"] for condition in pod["status"]["conditions"]}
                told = pod["status"]["containerStatuses"][0]["resources"]["limits"]
                return told == wanted and not conditions & {"PodResizePending", "PodResizeInProgress"}

            await eventually(settled, "the resize is done")
            memory, quota = int(amounts["memory"][:-2]) << 20, int(amounts["cpu"][:-1]) * 100
            assert values(group, "memory.max", "cpu.max") == [str(memory), f"{quota} 100000"]


async def usage_is_told_with_what_is_waited_for(cluster: Cluster) -> None:
    await cluster.run("busy", "while :; do :; done", limits={"cpu": "100m"})

    async def throttled() -> Raw | None:
        told = (await cluster.usage("hub")).get("busy", {})
        return told if told.get("throttledPeriods", 0) > 3 else None

    told = await eventually(throttled, "it is throttled")
    assert told["memoryBytes"] > 0 and told["pids"] == 1, told
    pressures = [told.get(f"{of}Pressure") for of in ("cpu", "memory", "io")]
    assert all(isinstance(pressure, float) for pressure in pressures), told
    await cluster.delete("busy")


def values(group: Path, *names: str) -> list[str]:
    """What stands in files of a control group."""
    return [(group / name).read_text().strip() for name in names]


async def _oom_score_adj(cluster: Cluster, pod: str) -> int:
    return int(Path(f"/proc/{await first_pid(cluster, pod)}/oom_score_adj").read_text())
