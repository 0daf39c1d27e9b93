"""Turns records as the supervisor writes them into the text that people see.

The format is the CRI's, see `node_agent.runtime.logs`. As in the kubelet, a record that continues its line (`P`) is
handed out without a newline.

The supervisor's records all have their flag and their content at the same columns, so a block of whole lines is cut by
slices alone. Everything else takes the long way: records of other writers, long lines in pieces, what is no record.
"""

from __future__ import annotations

from operator import itemgetter

_STAMP_END, _FLAG, _CONTENT = 30, 38, 40
_WHOLE = frozenset({b" stdout F ", b" stderr F "})
"""What stands between time and content of a record that is a whole line, or the end of one."""

_flag = itemgetter(_FLAG)
_content = itemgetter(slice(_CONTENT, None))


class Renderer:
    """Renders blocks of whole records, in their order. `inside_line`: the last record leaves its line open."""

    def __init__(self, *, timestamps: bool, inside_line: bool = False) -> None:
        self._timestamps = timestamps
        self.inside_line = inside_line

    def render(self, block: bytes) -> bytes:
        """The text of a block; it consists of whole records, each with its newline."""
        records = block.split(b"\n")
        records.pop()
        if not _are_whole_lines(records):
            return b"".join(map(self._render_any, records))
        if not self._timestamps:
            lines = list(map(_content, records))
        else:
            lines = [record[: _STAMP_END + 1] + record[_CONTENT:] for record in records]
            if self.inside_line:
                lines[0] = records[0][_CONTENT:]
        self.inside_line = False
        lines.append(b"")
        return b"\n".join(lines)

    def _render_any(self, record: bytes) -> bytes:
        """The text of one record; none of what is no record."""
        fields = record.split(b" ", 3)
        if len(fields) != 4:
            return b""
        stamp = fields[0] + b" " if self._timestamps and not self.inside_line else b""
        self.inside_line = fields[2] == b"P"
        return stamp + fields[3] + (b"" if self.inside_line else b"\n")


def _are_whole_lines(records: list[bytes]) -> bool:
    """Whether all records are the supervisor's, which the first one shows, and whole lines, or the end of one."""
    if not records or records[0][_STAMP_END:_CONTENT] not in _WHOLE:
        return False
    try:
        return set(map(_flag, records)) == {ord("F")}
    except IndexError:
        return False  # One is too short to be a record.


def ends_line(record: bytes) -> bool:
    """Whether a record is a whole line or the end of one."""
    if record[_STAMP_END:_CONTENT] in _WHOLE:
        return True
    fields = record.split(b" ", 3)
    return len(fields) == 4 and fields[2] != b"P"
