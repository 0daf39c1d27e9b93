"""Who listens to what: subscriptions in a tree of subject tokens, as a NATS server keeps them.

`*` stands for one token and `>`, at the end, for one or more. Finding the listeners of a subject costs O(tokens), not
O(subscriptions).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

ONE, REST = "*", ">"


def check_subject(subject: str, *, pattern: bool = False) -> None:
    """Refuse what a NATS server would refuse.

    Raises:
        ValueError: empty tokens, spaces, or wildcards where they may not be.
    """
    tokens = subject.split(".")
    if "" in tokens or subject.split() != [subject]:
        raise ValueError(f"bad subject {subject!r}: it has an empty token or a space")
    if not pattern and (ONE in tokens or REST in tokens):
        raise ValueError(f"bad subject {subject!r}: a message cannot be sent to a wildcard")
    if REST in tokens[:-1]:
        raise ValueError(f"bad subject {subject!r}: '>' stands for the rest and must be last")


@dataclass(slots=True)
class _Branch(Generic[T]):
    """One token of the tree: what is subscribed exactly here, and the branches below."""

    members: list[T] = field(default_factory=list)
    below: dict[str, _Branch[T]] = field(default_factory=dict)


class Interest(Generic[T]):
    """The tree. Members of one pattern are found in the order in which they were added."""

    def __init__(self) -> None:
        self._root: _Branch[T] = _Branch()

    def add(self, pattern: str, member: T) -> None:
        """Let `member` be found under `pattern`."""
        branch = self._root
        for token in pattern.split("."):
            branch = branch.below.setdefault(token, _Branch())
        branch.members.append(member)

    def remove(self, pattern: str, member: T) -> None:
        """Undo `add`; branches that became empty are cut off."""
        path = [self._root]
        tokens = pattern.split(".")
        for token in tokens:
            path.append(path[-1].below[token])
        path[-1].members.remove(member)
        for token, parent, branch in zip(reversed(tokens), reversed(path[:-1]), reversed(path[1:]), strict=True):
            if branch.members or branch.below:
                break
            del parent.below[token]

    def find(self, subject: str) -> list[T]:
        """All whose pattern matches `subject`."""
        found: list[T] = []
        branches = [self._root]
        for token in subject.split("."):
            reached: list[_Branch[T]] = []
            for branch in branches:
                if (rest := branch.below.get(REST)) is not None:
                    found += rest.members
                reached += [below for step in (token, ONE) if (below := branch.below.get(step)) is not None]
            branches = reached
        for branch in branches:
            found += branch.members
        return found
