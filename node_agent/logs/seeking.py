"""Finds where wanted lines begin in a file of records, without reading what lies before them.

The last lines are counted from the end. Lines since a time are found by halving, as records stand in the order of
their times: what was written after the first line of that time is wanted too, even if the clock was set back.

Reads: one open file.
"""

from __future__ import annotations

from node_agent.logs.files import LogFile
from node_agent.logs.rendering import ends_line

BLOCK_BYTES = 64 * 1024


def tail_offset(file: LogFile, lines: int) -> tuple[int, int]:
    """Where the last `lines` lines of a file begin, and how many there are (at most `lines`).

    A line that has not ended belongs to them and is not counted.
    """
    found = 0
    end, rest = file.size_bytes(), b""
    while end > 0:
        begin = max(end - BLOCK_BYTES, 0)
        block = file.read(end - begin, begin) + rest
        first = block.find(b"\n") + 1 if begin > 0 else 0
        if begin == 0 or first > 0:
            rest, records = block[:first], block[first:].split(b"\n")
            ending = [ends_line(record) for record in records]
            if found + sum(ending) > lines:
                return begin + first + _end_of_last(records, ending, lines - found), lines
            found += sum(ending)
        else:
            rest = block
        end = begin
    return 0, found


def _end_of_last(records: list[bytes], ending: list[bool], lines: int) -> int:
    """Where the record ends, from the first one on, that has `lines` endings of lines behind it and is one itself."""
    for number in reversed(range(len(records))):
        if ending[number]:
            if lines == 0:
                return sum(len(record) + 1 for record in records[: number + 1])
            lines -= 1
    return 0


def since_offset(file: LogFile, stamp: str, begin: int = 0) -> int:
    """Where the first record behind `begin` stands whose time is not before `stamp`; the size if there is none."""
    wanted = stamp.encode()
    low, high = begin, file.size_bytes()
    while high - low > BLOCK_BYTES:
        middle = (low + high) // 2
        start = _next_record(file, middle, high)
        if start >= high:
            high = middle
        elif file.read(len(wanted), start) < wanted:
            low = start
        else:
            high = start
    offset = low
    for record in file.read(high - low, low).split(b"\n"):
        if record and record[: len(wanted)] >= wanted:
            return offset
        offset += len(record) + 1
    return high


def _next_record(file: LogFile, offset: int, end: int) -> int:
    """Where the next record behind `offset` begins; `end` if none does before."""
    while offset < end:
        block = file.read(BLOCK_BYTES, offset)
        newline = block.find(b"\n")
        if newline >= 0:
            return offset + newline + 1
        if not block:
            break
        offset += len(block)
    return end
