"""Tells a reader of lines that were lost, calmly: the first time at once, then ever more seldom, several at a time.

Who reads more slowly than a program prints loses something with every rotation, many times a second; one line for each
would bury what is left. Pure: it is told the time, and returns what is to be said.
"""

from __future__ import annotations

QUIET_S = 1.0
QUIET_S_MAX = 60.0


class Gaps:
    """The gaps in the output of one container; `who` names it. Times of gaps are those that stand before lines."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._count = 0
        self._after = self._before = ""
        self._quiet_s = QUIET_S
        self._quiet_until_s = float("-inf")

    def add(self, after: str, before: str) -> None:
        """Lines between these two times may be missing ("": from the beginning)."""
        if not self._count:
            self._after = after
        self._before = before
        self._count += 1

    def due(self, now_s: float) -> str:
        """What is to be said now; "" if nothing is, or it was said a moment ago."""
        if not self._count or now_s < self._quiet_until_s:
            return ""
        lately = now_s < self._quiet_until_s + self._quiet_s
        self._quiet_s = min(2 * self._quiet_s, QUIET_S_MAX) if lately else QUIET_S
        self._quiet_until_s = now_s + self._quiet_s
        return self.rest()

    def rest(self) -> str:
        """What was not said yet; "" if all was."""
        count, self._count = self._count, 0
        if not count:
            return ""
        where = f" in {count} places" if count > 1 else ""
        return (
            f"lines of {self._who} between {self._after or 'the beginning'} and {self._before} may be missing{where}: "
            "they were rotated away before they could be read"
        )
