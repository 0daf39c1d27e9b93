"""A tree of the unified hierarchy without regard to controllers: membership and killing.

This is all that the hybrid layout has of v2, and the foundation of the v2 driver. `cgroup.kill` (Linux
5.14) ends a whole tree at once, forks included; on older kernels the tree is frozen (Linux 5.2) while each
process is killed, and the caller repeats until none is left.
"""

from node_agent.cgroup import files
from node_agent.cgroup.port import Usage


class UnifiedTree:
    """The groups below `base` in a cgroup2 mount."""

    def __init__(self, base: str) -> None:
        self.base = base

    def directory(self, path: str) -> str:
        """The directory of a group."""
        return f"{self.base}/{path}".rstrip("/")

    def create(self, path: str) -> bool:
        """Makes the group and its parents; whether it is new."""
        return files.make(self.directory(path))

    def procs(self, path: str) -> tuple[int, ...]:
        """All pids in the group and below."""
        return files.pids_below(self.directory(path))

    def children(self, path: str) -> frozenset[str]:
        """The names of the groups right below one."""
        return files.children(self.directory(path))

    def kill(self, path: str) -> None:
        """Kills everything in the group and below; frozen processes die of SIGKILL as well, and fork no more."""
        group = self.directory(path)
        if not files.write_if_possible(group + "/cgroup.kill", "1"):
            files.write_if_possible(group + "/cgroup.freeze", "1")
            files.kill_each(self.procs(path))
            files.write_if_possible(group + "/cgroup.freeze", "0")

    def with_pressure(self, path: str, usage: Usage) -> Usage:
        """The usage with what the group's pressure files tell."""
        group = self.directory(path)
        return usage._replace(
            cpu_pressure=_pressure(group + "/cpu.pressure"),
            memory_pressure=_pressure(group + "/memory.pressure"),
            io_pressure=_pressure(group + "/io.pressure"),
        )

    def remove(self, path: str) -> bool:
        """Removes the group and all below it; False while it is occupied."""
        return files.remove_tree(self.directory(path))


def _pressure(path: str) -> float | None:
    """`some avg10` of a pressure file; None where pressure is not counted."""
    words = (files.read(path) or "").split()
    if len(words) < 2 or not words[1].startswith("avg10="):
        return None
    return float(words[1].removeprefix("avg10="))
