"""What the hub remembers of each node: who speaks for it, when it was last heard, what it was granted.

Kept in memory only. What a successor must know is on the node's Lease (who holds the name) and on the Node (whether
it was Ready); everything else it learns from the next heartbeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from proto.objects.core import NodeUsage
from proto.objects.meta import Condition


@dataclass(slots=True)
class Session:
    """One node. `heard_s` is on the hearing clock; `granted_s`, when it may have got a grant last, and
    `granted_until_s`, until when its name is its agent's, are on the monotonic one.
    """

    node: str
    incarnation: str = ""
    heard_s: float = 0.0
    granted_s: float = float("-inf")
    granted_until_s: float = float("-inf")
    alive: bool = False
    conditions: tuple[Condition, ...] = ()
    leaving: bool = False
    usage: NodeUsage | None = None
    usage_written_s: float = float("-inf")
    mismatches: int = 0

    def held_by_other(self, incarnation: str, now_s: float) -> bool:
        """Whether the name is granted to another incarnation than this one."""
        return bool(self.incarnation) and self.incarnation != incarnation and self.granted_until_s > now_s


class Sessions:
    """All nodes that have ever spoken, by name."""

    def __init__(self) -> None:
        self._by_node: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._by_node)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_node.values()))

    def get(self, node: str) -> Session | None:
        """The session of a node that has spoken before, or None."""
        return self._by_node.get(node)

    def open(self, node: str) -> Session:
        """The session of a node, a new one if need be."""
        return self._by_node.setdefault(node, Session(node))

    def drop(self, node: str) -> None:
        """Forget a node."""
        self._by_node.pop(node, None)
