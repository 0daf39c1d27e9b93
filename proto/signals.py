"""Signals by the names that Kubernetes has for them (core/v1 `Signal`): those of Linux, real-time ones by distance."""

from __future__ import annotations

import re
import signal

_REAL_TIME = re.compile(r"SIGRT(MIN\+([1-9]|1[0-5])|MAX-([1-9]|1[0-4]))")


def signal_number(name: str) -> int | None:
    """The signal of that name, such as `SIGINT` or `SIGRTMIN+3`; None if there is none."""
    if match := _REAL_TIME.fullmatch(name):
        return signal.SIGRTMIN + int(match[2]) if match[2] else signal.SIGRTMAX - int(match[3])
    found = signal.Signals.__members__.get(name)
    return None if found is None else int(found)
