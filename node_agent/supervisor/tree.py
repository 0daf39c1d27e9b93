"""All processes of a container: its cgroup where there is one, else whoever bears its marker.

Without cgroups a process can hide: one that left the session *and* cleared its environment *and* was
orphaned is not found. That is why the ability `tree-kill` is missing there.
"""

from node_agent.cgroup import files
from node_agent.cgroup.port import TREE_KILL, Cgroups, Limits, Usage
from node_agent.supervisor.processes import marked, resident_usage

WORKLOADS = "workloads"


class Trees:
    """The process trees of all containers."""

    def __init__(self, cgroups: Cgroups) -> None:
        self.cgroups = cgroups
        self._grouped = TREE_KILL in cgroups.abilities

    def prepare(self, container_id: str, limits: Limits) -> tuple[str, ...]:
        """Makes the container's cgroup; the files by which its first process enters.

        Raises:
            OSError: The kernel refused a limit.
        """
        path = _path(container_id)
        self.cgroups.create(path, limits)
        return self.cgroups.entrances(path)

    def entrances(self, container_id: str) -> tuple[str, ...]:
        """The files by which one more process enters a container's cgroup."""
        return self.cgroups.entrances(_path(container_id))

    def members(self, container_id: str, leader: int | None) -> tuple[int, ...]:
        """The pids of all living processes of the container; `leader` is its first process."""
        if self._grouped:
            return self.cgroups.procs(_path(container_id))
        return marked(container_id, leader)

    def kill(self, container_id: str, leader: int | None) -> None:
        """Sends SIGKILL to all of them."""
        if self._grouped:
            self.cgroups.kill(_path(container_id))
        else:
            files.kill_each(marked(container_id, leader))

    def usage(self, container_id: str, leader: int | None) -> Usage:
        """What the container uses; without cgroups, what its first process does."""
        if self._grouped:
            return self.cgroups.usage(_path(container_id))
        known = resident_usage(leader) if leader is not None else None
        return Usage() if known is None else Usage(memory_bytes=known[0], cpu_ns=known[1])

    def known(self) -> frozenset[str]:
        """The ids of all containers that have a cgroup."""
        return self.cgroups.children(WORKLOADS)

    def remove(self, container_id: str) -> bool:
        """Removes the empty cgroup."""
        return self.cgroups.remove(_path(container_id))


def _path(container_id: str) -> str:
    return f"{WORKLOADS}/{container_id}"
