"""cgroup v1: one tree per controller, all of which a workload enters.

Rules of the kernel that shape this file: a process enters each tree on its own; nothing kills a whole
group, so it is killed process by process after further forks were forbidden; memory plus swap may not be
below memory alone, so the order of the two writes depends on the direction of the change. A new group has no
limits, so there only what differs from that is written.

*Source*: Linux `Documentation/admin-guide/cgroup-v1`; shares and quota as the kubelet computes them.
"""

# ruff: noqa: PTH112

import os
from collections.abc import Mapping

from node_agent.cgroup import disks, files, hugepages
from node_agent.cgroup.port import CPU, HUGETLB, IO, MEMORY, PIDS, TREE_KILL, Entrances, Limits, Usage

PERIOD_US = 100_000
MINIMUM_QUOTA_US = 1_000
BLKIO = "blkio"
_NO_MEMORY_LIMIT = "-1"


def shares_of(cpu_request_millis: int | None) -> int:
    """`cpu.shares` of a request: 1024 per processor, never below the kernel's minimum of 2."""
    return max(2, (cpu_request_millis or 0) * 1024 // 1000)


def quota_us_of(cpu_millis: int) -> int:
    """Microseconds of processor time per period of 100 ms."""
    return max(MINIMUM_QUOTA_US, cpu_millis * PERIOD_US // 1000)


class V1:
    """The v1 driver. `bases` maps each controller that is present to our directory in its tree."""

    name = "v1"

    def __init__(self, bases: Mapping[str, str], missing: Mapping[str, str], page_sizes: tuple[int, ...] = ()) -> None:
        self._bases = dict(bases)
        self._page_sizes = page_sizes
        self.missing: Mapping[str, str] = dict(missing)
        present = {CPU, MEMORY, PIDS, HUGETLB} & self._bases.keys()
        self.abilities = frozenset(present | ({IO} if BLKIO in bases else set()) | ({TREE_KILL} if bases else set()))

    def create(self, path: str, limits: Limits) -> None:
        """See the port."""
        self.bound(path, limits)
        if (base := self._bases.get(HUGETLB)) is not None:
            hugepages.limit(f"{base}/{path}", self._page_sizes, limits.hugepages, "limit_in_bytes")

    def bound(self, path: str, limits: Limits) -> None:
        """See the port."""
        new = {base: files.make(f"{base}/{path}") for base in self._trees()}
        if (base := self._bases.get(MEMORY)) is not None:
            if limits.memory_bytes is not None or not new[base]:
                _limit_memory(f"{base}/{path}", limits.memory_bytes)
            if limits.memory_request_bytes is not None or not new[base]:
                _request_memory(f"{base}/{path}", limits.memory_request_bytes)
        if (base := self._bases.get(CPU)) is not None:
            files.write(f"{base}/{path}/cpu.shares", str(shares_of(limits.cpu_request_millis)))
            if limits.cpu_millis is not None or not new[base]:
                _limit_cpu(f"{base}/{path}", limits.cpu_millis)
        if (base := self._bases.get(PIDS)) is not None and (limits.pids is not None or not new[base]):
            files.write(f"{base}/{path}/pids.max", _or_max(limits.pids))
        if (base := self._bases.get(BLKIO)) is not None:
            weight = str(disks.bfq_weight_of(limits.cpu_request_millis))
            files.write_if_possible(f"{base}/{path}/{disks.V1_WEIGHT}", weight)

    def watch_oom(self, path: str) -> int | None:
        """See the port. The kernel signals an eventfd, and keeps it signalled once the group is gone."""
        if MEMORY not in self._bases:
            return None
        group = f"{self._bases[MEMORY]}/{path}"
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            control = os.open(group + "/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
            try:
                files.write(group + "/cgroup.event_control", f"{event} {control}")
            finally:
                os.close(control)
        except OSError:
            os.close(event)
            return None
        return event

    def oom_killed(self, path: str) -> bool:
        """See the port."""
        return MEMORY in self._bases and _oom_kills(f"{self._bases[MEMORY]}/{path}") > 0

    def entrances(self, path: str) -> Entrances:
        """See the port. A thread that moves itself by `tasks` waits for nobody, as it would by `cgroup.procs`.

        A group that an earlier supervisor made may lack the trees that were of no use then.
        """
        later = {self._bases[name] for name in (HUGETLB, BLKIO) if name in self._bases}
        trees = (base for base in self._trees() if base not in later or os.path.isdir(f"{base}/{path}"))
        return Entrances(files=tuple(f"{base}/{path}/tasks" for base in trees))

    def procs(self, path: str) -> tuple[int, ...]:
        """See the port. Any of the trees tells, since a workload enters all."""
        trees = self._trees()
        return files.pids_below(f"{trees[0]}/{path}") if trees else ()

    def children(self, path: str) -> frozenset[str]:
        """See the port. A group may be left over in one of the trees alone."""
        return frozenset[str]().union(*(files.children(f"{base}/{path}") for base in self._trees()))

    def kill(self, path: str) -> None:
        """Forbids forks where the pids controller is there, then kills each process."""
        if PIDS in self._bases:
            files.write_if_possible(f"{self._bases[PIDS]}/{path}/pids.max", "0")
        files.kill_each(self.procs(path))

    def usage(self, path: str) -> Usage:
        """See the port."""
        group = {controller: f"{base}/{path}" for controller, base in self._bases.items()}
        memory = group.get(MEMORY, "")
        cpu = files.read_keyed(group[CPU] + "/cpu.stat") if CPU in group else {}
        return Usage(
            memory_bytes=_working_set(memory) if memory else None,
            cpu_ns=files.read_number(group["cpuacct"] + "/cpuacct.usage") if "cpuacct" in group else None,
            pids=files.read_number(group[PIDS] + "/pids.current") if PIDS in group else None,
            oom_kills=_oom_kills(memory) if memory else 0,
            memory_usage_bytes=files.read_number(memory + "/memory.usage_in_bytes") if memory else None,
            periods=cpu.get("nr_periods"),
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=cpu.get("throttled_time"),
        )

    def remove(self, path: str) -> bool:
        """See the port."""
        removed = [files.remove_tree(f"{base}/{path}".rstrip("/")) for base in self._trees()]
        return all(removed)

    def _trees(self) -> tuple[str, ...]:
        """Our directories, one per tree: controllers may be mounted together."""
        return tuple(dict.fromkeys(self._bases.values()))


def _or_max(limit: int | None) -> str:
    return "max" if limit is None else str(limit)


def _limit_cpu(group: str, cpu_millis: int | None) -> None:
    if cpu_millis is None:
        files.write(group + "/cpu.cfs_quota_us", "-1")
        return
    files.write(group + "/cpu.cfs_period_us", str(PERIOD_US))
    files.write(group + "/cpu.cfs_quota_us", str(quota_us_of(cpu_millis)))


def _limit_memory(group: str, memory_bytes: int | None) -> None:
    """Sets the ceiling and, where swap is counted, the same for both together: no swap is added."""
    limit = _NO_MEMORY_LIMIT if memory_bytes is None else str(memory_bytes)
    both, alone = group + "/memory.memsw.limit_in_bytes", group + "/memory.limit_in_bytes"
    current = files.read_number(both)
    if current is None:
        files.write(alone, limit)
    elif memory_bytes is None or memory_bytes >= current:
        files.write(both, limit)
        files.write(alone, limit)
    else:
        files.write(alone, limit)
        files.write(both, limit)


def _request_memory(group: str, memory_request_bytes: int | None) -> None:
    """The soft limit: beyond it, memory is taken back first. Some kernels are built without it."""
    wanted = _NO_MEMORY_LIMIT if memory_request_bytes is None else str(memory_request_bytes)
    files.write_if_possible(group + "/memory.soft_limit_in_bytes", wanted)


def _oom_kills(group: str) -> int:
    return files.read_keyed(group + "/memory.oom_control").get("oom_kill", 0)


def _working_set(group: str) -> int | None:
    usage_bytes = files.read_number(group + "/memory.usage_in_bytes")
    if usage_bytes is None:
        return None
    inactive_bytes = files.read_keyed(group + "/memory.stat").get("total_inactive_file", 0)
    return max(0, usage_bytes - inactive_bytes)
