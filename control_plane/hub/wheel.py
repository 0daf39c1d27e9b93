"""A timer wheel: many deadlines that are postponed far more often than they pass.

Postponing costs nothing: an entry stays where it is, and when its turn comes the owner says until when it was
postponed meanwhile. So a heartbeat touches no timer, and an entry moves once a grace period.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Wheel(Generic[T]):
    """Entries by the time they are due, in slots of `slot_s` seconds, from `now_s` on. An entry is in it once."""

    def __init__(self, slot_s: float, now_s: float = 0.0):
        self._slot_s = slot_s
        self._slots: dict[int, list[T]] = {}
        self._entries: set[T] = set()
        self._next = int(now_s / slot_s)

    def __contains__(self, entry: T) -> bool:
        return entry in self._entries

    def add(self, entry: T, due_s: float) -> None:
        """Watch `entry`, to be looked at when `due_s` has come; no effect if it is watched already."""
        if entry not in self._entries:
            self._entries.add(entry)
            self._put(entry, due_s)

    def advance(self, now_s: float, postponed_to_s: Callable[[T], float | None]) -> list[T]:
        """The entries that are due at `now_s`, which are watched no more.

        `postponed_to_s(entry)` says when an entry is really due; None: it need not be watched any more.
        """
        due: list[T] = []
        last = int(now_s / self._slot_s)
        while self._next <= last:
            entries = self._slots.pop(self._next, ())
            self._next += 1
            for entry in entries:
                due_s = postponed_to_s(entry)
                if due_s is not None and due_s > now_s:
                    self._put(entry, due_s)
                    continue
                self._entries.discard(entry)
                if due_s is not None:
                    due.append(entry)
        return due

    def _put(self, entry: T, due_s: float) -> None:
        slot = max(self._next, int(due_s / self._slot_s) + 1)
        self._slots.setdefault(slot, []).append(entry)
