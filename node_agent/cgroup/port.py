"""The cgroup port: limits in, usage out, and the few verbs that the supervisor needs.

Paths are relative to the driver's base (for example `workloads/web-1.app.0`) and never leave it. A driver
that lacks an ability ignores the limit that needs it: whether that is acceptable is the caller's decision,
taken from `abilities`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

MEMORY = "memory"
CPU = "cpu"
PIDS = "pids"
IO = "io"
"""Weights for the disk. Most machines cannot weigh it, and no field of a pod asks for it: it is never missing."""
HUGETLB = "hugetlb"
"""Limits of huge pages; asked for only where the machine keeps some."""
TREE_KILL = "tree-kill"
"""Membership in a group is inescapable, so that everything a workload ever forked can be found and killed."""

ABILITIES = (CPU, MEMORY, PIDS, TREE_KILL)


class Limits(NamedTuple):
    """What one group may use; `None` means unlimited.

    `cpu_millis` is a ceiling (a quota per period), `cpu_request_millis` a weight that counts only while
    processors (or the disk) are scarce, `memory_request_bytes` memory that is reclaimed last. Swap never adds to
    `memory_bytes` (Kubernetes: no swap for pods by default). `hugepages` are pairs of a page size and how many bytes of
    it there may be, the smallest pages first; a container gets none of the sizes that are left out.
    """

    memory_bytes: int | None = None
    cpu_millis: int | None = None
    cpu_request_millis: int | None = None
    pids: int | None = None
    memory_request_bytes: int | None = None
    hugepages: tuple[tuple[int, int], ...] = ()


NO_LIMITS = Limits()


def limits_in(told: Mapping[str, Any]) -> Limits:
    """The limits in JSON. Fields that another version has and this one has not are left out."""
    known = {name: told[name] for name in Limits._fields if name in told}
    hugepages = tuple((int(size), int(amount)) for size, amount in known.get("hugepages") or ())
    return Limits(**{**known, "hugepages": hugepages})


class Usage(NamedTuple):
    """What a group uses now; `None` where the host does not tell.

    `memory_bytes` is the working set: usage without inactive page cache, as the kubelet counts it;
    `memory_usage_bytes` counts that cache as well. `cpu_ns`, `throttled_ns` (time that it waited for its quota) and the
    counts of quota periods and of those that were used up only grow. A pressure is the percentage of the last ten
    seconds in which some process waited for the resource (Linux: PSI, `some avg10`).
    """

    memory_bytes: int | None = None
    cpu_ns: int | None = None
    pids: int | None = None
    oom_kills: int = 0
    memory_usage_bytes: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    io_pressure: float | None = None


NO_USAGE = Usage()


class Entrances(NamedTuple):
    """How a process with one thread comes into a group.

    It is born in `birthplace`, a directory of the unified hierarchy, or writes `0` to the `cgroup.procs` there, unless
    that is None; and it writes `0` to each of `files`.
    """

    birthplace: str | None = None
    files: tuple[str, ...] = ()


class Cgroups(Protocol):
    """One hierarchy of groups below a base that belongs to this node."""

    name: str
    """`v2`, `v1`, `hybrid` or `none`."""
    abilities: frozenset[str]
    """Which of `ABILITIES` really work here."""
    missing: Mapping[str, str]
    """For each ability that does not work: why, in one sentence for people."""

    def create(self, path: str, limits: Limits) -> None:
        """Makes the group (parents too) and sets its limits; repeating it only sets the limits.

        Raises:
            OSError: The kernel refused, for example a limit below what is used already.
        """

    def bound(self, path: str, limits: Limits) -> None:
        """Makes a group that holds groups, and sets its limits. Out of memory there ends one group below, never all.

        Raises:
            OSError: The kernel refused.
        """

    def watch_oom(self, path: str) -> int | None:
        """A descriptor that becomes readable when memory runs out in the group; None where the kernel ends it whole.

        The kernel kills a single process then, perhaps a moment later: see `oom_killed`.
        """

    def oom_killed(self, path: str) -> bool:
        """Whether the kernel killed a process of the group itself because memory had run out."""

    def entrances(self, path: str) -> Entrances:
        """How a process that has one thread comes into the group."""

    def procs(self, path: str) -> tuple[int, ...]:
        """The pids in the group and in all groups below it; empty when it does not exist."""

    def children(self, path: str) -> frozenset[str]:
        """The names of the groups right below one; none when it does not exist."""

    def kill(self, path: str) -> None:
        """Sends SIGKILL to everything in the group and below; call it again until `procs` is empty."""

    def usage(self, path: str) -> Usage:
        """What the group uses; all unknown when it does not exist."""

    def remove(self, path: str) -> bool:
        """Removes the empty group and all below it; False while a process is still leaving."""


class Located(NamedTuple):
    """Where a hierarchy is mounted and which group this process is in, as `/proc` tells."""

    mount: str
    own_path: str
    controllers: frozenset[str] = frozenset()
