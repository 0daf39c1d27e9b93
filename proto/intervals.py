"""Sets of whole numbers in Kubernetes' short text form, such as `0-2,5,7-9`: which indexes of a Job have completed.

Immutable. A set costs what it has of gaps, not what it has of numbers.
Source: Kubernetes `pkg/controller/job/indexed_job_utils.go` (orderedIntervals).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, takewhile

_PART = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")


@dataclass(frozen=True, slots=True)
class Intervals:
    """`spans` are (first, last), in order, neither touching nor overlapping."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Intervals:
        """The set of these numbers."""
        return cls(_joined((number, number) for number in numbers))

    @classmethod
    def parse(cls, text: str) -> Intervals:
        """Read the text form; numbers must rise.

        Raises:
            ValueError: what is wrong with it.
        """
        spans: list[tuple[int, int]] = []
        for part in text.split(",") if text else ():
            match = _PART.fullmatch(part)
            if match is None:
                raise ValueError(f'cannot convert string to integer for index: "{part:.60}"')
            first, last = int(match[1]), int(match[2] or match[1])
            if last < first:
                raise ValueError(f'non-increasing order, previous: {first}, current: {last} in "{part:.60}"')
            if spans and first <= spans[-1][1]:
                raise ValueError(f"non-increasing order, previous: {spans[-1][1]}, current: {first}")
            spans.append((first, last))
        return cls(_joined(spans))

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.spans, number, key=lambda span: span[0]) - 1
        return place >= 0 and number <= self.spans[place][1]

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.spans)

    def __str__(self) -> str:
        return ",".join(_span_text(*span) for span in self.spans)

    def __or__(self, other: Intervals) -> Intervals:
        return Intervals(_joined(sorted((*self.spans, *other.spans)))) if other.spans else self

    def below(self, limit: int) -> Intervals:
        """Those of its numbers that are lower than `limit`."""
        return Intervals(tuple((first, min(last, limit - 1)) for first, last in self.spans if first < limit))

    def shared(self, other: Intervals) -> int:
        """How many numbers are in both."""
        return len(self) + len(other) - len(self | other)

    def gaps(self) -> Iterator[int]:
        """The numbers from 0 on that are not in it, without end."""
        position = 0
        for first, last in self.spans:
            yield from range(position, first)
            position = last + 1
        yield from count(position)

    def gaps_below(self, limit: int) -> Iterator[int]:
        """The numbers from 0 to below `limit` that are not in it."""
        return takewhile(lambda number: number < limit, self.gaps())


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Spans in order, with those that touch or overlap made one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def _span_text(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
