"""cgroup v2: the unified hierarchy, in a subtree that was delegated to us.

Rules of the kernel that shape this file: a group whose children have controllers holds no processes itself,
so controllers are enabled in every parent before a child is made; a controller that the parent lacks simply
has no files in the child. Swap has a ceiling of its own, hence zero where memory is limited. A new group has
no limits, so there only what differs from that is written.

*Source*: Linux `Documentation/admin-guide/cgroup-v2`; the weight follows the kubelet's conversion from
shares.
"""
# ruff: noqa: PTH103, PTH112

import os
from collections.abc import Mapping

from node_agent.cgroup import disks, files, hugepages
from node_agent.cgroup.port import CPU, HUGETLB, IO, MEMORY, PIDS, TREE_KILL, Entrances, Limits, Usage
from node_agent.cgroup.unified import UnifiedTree
from node_agent.cgroup.v1 import PERIOD_US, quota_us_of, shares_of

WANTED_CONTROLLERS = (CPU, MEMORY, PIDS)
WELCOME_CONTROLLERS = (IO, HUGETLB)
"""What is used where it is offered, and whose absence alone is no fault."""


def weight_of(cpu_request_millis: int | None) -> int:
    """`cpu.weight` (1 to 10,000) of a request, by way of v1's shares (2 to 262,144) as the kubelet does."""
    shares = min(shares_of(cpu_request_millis), 262_144)
    return 1 + (shares - 2) * 9999 // 262_142


class V2:
    """The v2 driver below `base`, with the controllers that could be enabled there."""

    name = "v2"

    def __init__(
        self, base: str, controllers: frozenset[str], missing: Mapping[str, str], page_sizes: tuple[int, ...] = ()
    ) -> None:
        self._tree = UnifiedTree(base)
        self._controllers = controllers
        self._prepared: set[str] = set()
        self._page_sizes = page_sizes if HUGETLB in controllers else ()
        self.missing: Mapping[str, str] = dict(missing)
        self.abilities = frozenset({*controllers, TREE_KILL})

    def create(self, path: str, limits: Limits) -> None:
        """See the port. Whichever process is out of memory, the kernel ends the whole group (Kubernetes: the same)."""
        self.bound(path, limits)
        group = self._tree.directory(path)
        if MEMORY in self._controllers:
            files.write_if_possible(group + "/memory.oom.group", "1")
        hugepages.limit(group, self._page_sizes, limits.hugepages, "max")

    def bound(self, path: str, limits: Limits) -> None:
        """See the port."""
        self._prepare_parents(path)
        new = self._tree.create(path)
        group = self._tree.directory(path)
        if MEMORY in self._controllers:
            if limits.memory_bytes is not None or not new:
                files.write(group + "/memory.max", _or_max(limits.memory_bytes))
                files.write_if_possible(group + "/memory.swap.max", "max" if limits.memory_bytes is None else "0")
            if limits.memory_request_bytes or not new:
                files.write_if_possible(group + "/memory.low", str(limits.memory_request_bytes or 0))
        if CPU in self._controllers:
            if limits.cpu_millis is not None or not new:
                quota = "max" if limits.cpu_millis is None else str(quota_us_of(limits.cpu_millis))
                files.write(group + "/cpu.max", f"{quota} {PERIOD_US}")
            files.write(group + "/cpu.weight", str(weight_of(limits.cpu_request_millis)))
        if IO in self._controllers:
            files.write_if_possible(group + "/io.weight", str(weight_of(limits.cpu_request_millis)))
            weight = str(disks.bfq_weight_of(limits.cpu_request_millis))
            files.write_if_possible(f"{group}/{disks.V2_BFQ_WEIGHT}", weight)
        if PIDS in self._controllers and (limits.pids is not None or not new):
            files.write(group + "/pids.max", _or_max(limits.pids))

    def _prepare_parents(self, path: str) -> None:
        """Makes every group above `path` and lets it hand its controllers down."""
        parents = path.split("/")[:-1]
        for depth in range(len(parents) + 1):
            parent = self._tree.directory("/".join(parents[:depth]))
            if parent in self._prepared and os.path.isdir(parent):
                continue
            os.makedirs(parent, exist_ok=True)
            enable_controllers(parent, self._controllers)
            self._prepared.add(parent)

    def watch_oom(self, path: str) -> int | None:
        """Nothing to watch: `memory.oom.group` ends the whole group."""
        return None

    def oom_killed(self, path: str) -> bool:
        """See the port. Kills in groups that the workload made below its own do not count, as long as it goes on."""
        own = files.read_keyed(self._tree.directory(path) + "/memory.events.local")
        if "oom_group_kill" in own:
            return own["oom_group_kill"] > 0 or own.get("oom_kill", 0) > 0
        return self.usage(path).oom_kills > 0

    def entrances(self, path: str) -> Entrances:
        """See the port."""
        return Entrances(self._tree.directory(path))

    def procs(self, path: str) -> tuple[int, ...]:
        """See the port."""
        return self._tree.procs(path)

    def children(self, path: str) -> frozenset[str]:
        """See the port."""
        return self._tree.children(path)

    def kill(self, path: str) -> None:
        """See the port."""
        self._tree.kill(path)

    def usage(self, path: str) -> Usage:
        """See the port."""
        group = self._tree.directory(path)
        cpu = files.read_keyed(group + "/cpu.stat")
        usage = Usage(
            memory_bytes=_working_set(group),
            cpu_ns=_nanoseconds(cpu.get("usage_usec")),
            pids=files.read_number(group + "/pids.current"),
            oom_kills=files.read_keyed(group + "/memory.events").get("oom_kill", 0),
            memory_usage_bytes=files.read_number(group + "/memory.current"),
            periods=cpu.get("nr_periods"),
            throttled_periods=cpu.get("nr_throttled"),
            throttled_ns=_nanoseconds(cpu.get("throttled_usec")),
        )
        return self._tree.with_pressure(path, usage)

    def remove(self, path: str) -> bool:
        """See the port. The base itself stays: it is the delegated group, and not ours to remove."""
        return self._tree.remove(path) if path else False


def enable_controllers(directory: str, controllers: frozenset[str]) -> frozenset[str]:
    """Hands controllers down to the children of a group; those that the kernel accepted.

    Each is written on its own, since one that is refused would refuse all of them.
    """
    switch = directory + "/cgroup.subtree_control"
    return frozenset(c for c in sorted(controllers) if files.write_if_possible(switch, f"+{c}"))


def _or_max(limit: int | None) -> str:
    return "max" if limit is None else str(limit)


def _nanoseconds(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds * 1000


def _working_set(group: str) -> int | None:
    usage_bytes = files.read_number(group + "/memory.current")
    if usage_bytes is None:
        return None
    return max(0, usage_bytes - files.read_keyed(group + "/memory.stat").get("inactive_file", 0))
