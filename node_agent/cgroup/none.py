"""No cgroups: every verb is harmless, every ability is missing, and the reason is told."""

from collections.abc import Mapping

from node_agent.cgroup.port import ABILITIES, NO_USAGE, Entrances, Limits, Usage


class NoCgroups:
    """The driver of a host where no group may be made."""

    name = "none"

    def __init__(self, reason: str) -> None:
        self.abilities: frozenset[str] = frozenset()
        self.missing: Mapping[str, str] = dict.fromkeys(ABILITIES, reason)

    def create(self, path: str, limits: Limits) -> None:
        """Makes nothing."""

    def bound(self, path: str, limits: Limits) -> None:
        """Makes nothing."""

    def watch_oom(self, path: str) -> int | None:
        """There is nothing to watch."""
        return None

    def oom_killed(self, path: str) -> bool:
        """Nobody can tell."""
        return False

    def entrances(self, path: str) -> Entrances:
        """There is nothing to enter."""
        return Entrances()

    def procs(self, path: str) -> tuple[int, ...]:
        """Membership is unknown."""
        return ()

    def children(self, path: str) -> frozenset[str]:
        """There are none."""
        return frozenset()

    def kill(self, path: str) -> None:
        """Kills nothing."""

    def usage(self, path: str) -> Usage:
        """All unknown."""
        return NO_USAGE

    def remove(self, path: str) -> bool:
        """There is nothing to remove."""
        return True
