"""How long ago something was, from the wire form of its time."""

from __future__ import annotations

from datetime import datetime

from proto import durations
from proto.clock import SystemClock


def age(timestamp: str) -> str:
    """The age of an RFC 3339 time in kubectl's short form; `<unknown>` for none."""
    return durations.age(datetime.fromisoformat(timestamp) if timestamp else None, SystemClock().now())
