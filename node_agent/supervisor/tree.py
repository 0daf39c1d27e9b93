"""All processes of a container: its cgroup where there is one, else whoever bears its marker.

The groups of containers stand in three levels, as the kubelet's: those of Guaranteed pods at the top, the others in a
group of their class. A container is named by its *place* here, `[<level>/]<container id>`. A later version
may put the group of a pod between them, `[<level>/]_<pod>/<container id>`, and may be followed by this one.

Without cgroups a process can hide: one that left the session *and* cleared its environment *and* was
orphaned is not found. That is why the ability `tree-kill` is missing there.
"""

import errno
from collections.abc import Iterable, Iterator

from node_agent.cgroup import files
from node_agent.cgroup.port import TREE_KILL, Cgroups, Entrances, Limits, Usage
from node_agent.supervisor.processes import marked, resident_usage

WORKLOADS = "workloads"
TOP = ""
LEVELS = (TOP, "burstable", "besteffort")
_OF_A_POD = "_"
"""What the name of a pod's group begins with, and the id of a container never does."""


def place_of(level: str, container_id: str) -> str:
    """Where the container's group stands."""
    return f"{level}/{container_id}" if level else container_id


def container_of(place: str) -> str:
    """The id of the container whose group stands there."""
    return place.rpartition("/")[2]


class Trees:
    """The process trees of all containers."""

    def __init__(self, cgroups: Cgroups) -> None:
        self.cgroups = cgroups
        self._grouped = TREE_KILL in cgroups.abilities
        self._bare: set[str] = set()

    def adopt(self, places: Iterable[str]) -> None:
        """Takes over containers that run; those which an earlier supervisor could give no group stay without one."""
        if self._grouped:
            self._bare.update(set(places) - self.known())

    def _has_group(self, place: str) -> bool:
        return self._grouped and place not in self._bare

    def prepare(self, place: str, limits: Limits) -> Entrances:
        """Makes the container's cgroup; how its first process comes into it.

        Raises:
            OSError: The kernel refused a limit.
        """
        path = self.path(place)
        self.cgroups.create(path, limits)
        return self.cgroups.entrances(path)

    def change(self, place: str, former: Limits, limits: Limits) -> None:
        """Gives a running container other limits.

        Raises:
            OSError: The kernel refused, or more memory is in use; the former limits are in force.
        """
        if place in self._bare:
            raise OSError(errno.ENOTSUP, "it was started while this node had no control groups, so it has no limits")
        used_bytes = self.usage(place, None).memory_bytes or 0
        if limits.memory_bytes is not None and limits.memory_bytes < used_bytes:
            raise OSError(errno.EBUSY, f"{used_bytes} bytes of memory are in use, more than {limits.memory_bytes}")
        try:
            self.prepare(place, limits)
        except OSError:
            self.prepare(place, former)
            raise

    def entrances(self, place: str) -> Entrances:
        """How one more process comes into a container's cgroup."""
        return Entrances() if place in self._bare else self.cgroups.entrances(self.path(place))

    def bound(self, level: str, limits: Limits) -> None:
        """Sets what all containers of a level may use together; at the top, all containers.

        Raises:
            OSError: The kernel refused a limit.
        """
        self.cgroups.bound(self.path(level).rstrip("/"), limits)

    def members(self, place: str, leader: int | None) -> tuple[int, ...]:
        """The pids of all living processes of the container; `leader` is its first process."""
        if self._has_group(place):
            return self.cgroups.procs(self.path(place))
        return marked(container_of(place), leader)

    def grouped(self, place: str) -> list[int] | None:
        """The pids in the container's cgroup; None where it has none."""
        return list(self.cgroups.procs(self.path(place))) if self._has_group(place) else None

    def kill(self, place: str, leader: int | None) -> None:
        """Sends SIGKILL to all of them."""
        if self._has_group(place):
            self.cgroups.kill(self.path(place))
        else:
            files.kill_each(marked(container_of(place), leader))

    def usage(self, place: str, leader: int | None) -> Usage:
        """What the container uses; without a cgroup, what its first process does."""
        if self._has_group(place):
            return self.cgroups.usage(self.path(place))
        known = resident_usage(leader) if leader is not None else None
        return Usage() if known is None else Usage(memory_bytes=known[0], cpu_ns=known[1])

    def oom_killed(self, place: str) -> bool:
        """Whether the kernel killed in it because memory had run out."""
        return self.cgroups.oom_killed(self.path(place))

    def known(self) -> frozenset[str]:
        """The places of all containers that have a cgroup, and of pods' groups that hold none."""
        places = (place for level in LEVELS for place in self._below(level) if place not in LEVELS)
        return frozenset(inner for place in places for inner in self._of_one_pod(place))

    def _of_one_pod(self, place: str) -> tuple[str, ...]:
        """The containers in the group of a pod; any other group is that of a container."""
        is_pods = container_of(place).startswith(_OF_A_POD)
        return tuple(self._below(place)) or (place,) if is_pods else (place,)

    def _below(self, level: str) -> Iterator[str]:
        """The places right below one."""
        return (place_of(level, name) for name in self.cgroups.children(self.path(level).rstrip("/")))

    def remove(self, place: str) -> bool:
        """Removes the empty cgroup."""
        self._bare.discard(place)
        return self.cgroups.remove(self.path(place))

    def path(self, place: str) -> str:
        """The group's path below the base of the hierarchy."""
        return f"{WORKLOADS}/{place}"
