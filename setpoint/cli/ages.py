"""How long ago something was, from the wire form of its time, or from Unix time."""

from __future__ import annotations

from datetime import UTC, datetime

from proto import durations
from proto.clock import SystemClock


def age(timestamp: str) -> str:
    """The age of an RFC 3339 time in kubectl's short form; `<unknown>` for none."""
    return durations.age(datetime.fromisoformat(timestamp) if timestamp else None, SystemClock().now())


def age_since(unix_s: float) -> str:
    """The age of a Unix time in kubectl's short form."""
    return durations.age(datetime.fromtimestamp(unix_s, UTC), SystemClock().now())


def timestamp(unix_s: float) -> str:
    """A Unix time in RFC 3339, to the second."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
