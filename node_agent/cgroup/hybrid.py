"""The hybrid layout of older systemd hosts: v1 controllers for the limits, an empty v2 tree for membership.

The v2 tree gives what v1 lacks: `cgroup.kill`, which ends a group with all its forks in one write.
"""

from collections.abc import Mapping

from node_agent.cgroup.port import Entrances, Limits, Usage
from node_agent.cgroup.unified import UnifiedTree
from node_agent.cgroup.v1 import V1


class Hybrid:
    """The hybrid driver: every group exists in each v1 tree and in the v2 tree."""

    name = "hybrid"

    def __init__(self, limiting: V1, tree: UnifiedTree) -> None:
        self._limiting = limiting
        self._tree = tree
        self.abilities = limiting.abilities
        self.missing: Mapping[str, str] = limiting.missing

    def create(self, path: str, limits: Limits) -> None:
        """See the port."""
        self._tree.create(path)
        self._limiting.create(path, limits)

    def bound(self, path: str, limits: Limits) -> None:
        """See the port."""
        self._tree.create(path)
        self._limiting.bound(path, limits)

    def watch_oom(self, path: str) -> int | None:
        """See the port."""
        return self._limiting.watch_oom(path)

    def oom_killed(self, path: str) -> bool:
        """See the port."""
        return self._limiting.oom_killed(path)

    def entrances(self, path: str) -> Entrances:
        """See the port."""
        return self._limiting.entrances(path)._replace(birthplace=self._tree.directory(path))

    def procs(self, path: str) -> tuple[int, ...]:
        """See the port."""
        return self._tree.procs(path)

    def children(self, path: str) -> frozenset[str]:
        """See the port."""
        return self._tree.children(path) | self._limiting.children(path)

    def kill(self, path: str) -> None:
        """See the port."""
        self._tree.kill(path)

    def usage(self, path: str) -> Usage:
        """See the port. The v2 tree tells the pressure, which v1 does not know."""
        return self._tree.with_pressure(path, self._limiting.usage(path))

    def remove(self, path: str) -> bool:
        """See the port."""
        unified, limiting = self._tree.remove(path), self._limiting.remove(path)
        return unified and limiting
