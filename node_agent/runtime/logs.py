"""Reads what containers printed: which files there are, and what a record says.

The format is the CRI's, `timestamp stream flag content`, where flag `P` says that the line goes on in the
next record of the same stream and `F` that it ends (Kubernetes: kubelet-cri-logging).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LogLine:
    """One whole line. `timestamp` is RFC 3339 in UTC with nanoseconds, so that text order is time order."""

    timestamp: str
    stream: str
    content: bytes


def log_files(path: Path) -> tuple[Path, ...]:
    """The files of one log that exist, the oldest first; the last one is still being written."""
    older = sorted(
        (int(found.name.removeprefix(path.name + ".")), found)
        for found in path.parent.glob(f"{path.name}.*")
        if found.name.removeprefix(path.name + ".").isdigit()
    )
    files = [found for _, found in reversed(older)]
    return (*files, path) if path.exists() else tuple(files)


def log_lines(records: Iterable[bytes]) -> Iterator[LogLine]:
    """Joins records (with or without their newline) to lines; what is no record is left out.

    A line bears the time of its last record. A line that never ends is yielded at the end as far as it is
    known.
    """
    begun: dict[str, list[bytes]] = {}
    timestamps: dict[str, str] = {}
    for record in records:
        fields = record.rstrip(b"\n").split(b" ", 3)
        if len(fields) != 4 or fields[2] not in (b"F", b"P"):
            continue
        timestamp, stream = fields[0].decode("ascii", "replace"), fields[1].decode("ascii", "replace")
        begun.setdefault(stream, []).append(fields[3])
        timestamps[stream] = timestamp
        if fields[2] == b"F":
            yield LogLine(timestamp, stream, b"".join(begun.pop(stream)))
    for stream, pieces in begun.items():
        yield LogLine(timestamps[stream], stream, b"".join(pieces))
