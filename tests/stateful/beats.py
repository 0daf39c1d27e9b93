"""A program that leaves a trace: who ran, of which version, from when to when, on one clock for all machines.

The machines of a test share this host's files and its monotonic clock, so what the programs themselves write tells
whether two of one name ever ran at once, whatever the objects say.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = """
import os, signal, time
told_to_end = []
signal.signal(signal.SIGTERM, lambda *_: told_to_end.append(True))
trace = os.open(os.environ["TRACE"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
while not told_to_end:
    words = os.environ["HOSTNAME"], os.environ["UID"], os.environ["VERSION"], repr(time.monotonic())
    os.write(trace, (" ".join(words) + chr(10)).encode())
    time.sleep(0.02)
"""


@dataclass(frozen=True, slots=True)
class Life:
    """One pod's life: its first and its last sign, in seconds of the monotonic clock."""

    name: str
    uid: str
    version: str
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What the programs wrote."""

    path: Path

    def template(self, version: str, app: str = "db") -> dict[str, Any]:
        """A pod template of the program."""
        environment: list[dict[str, Any]] = [
            {"name": "UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "VERSION", "value": version},
            {"name": "TRACE", "value": str(self.path)},
        ]
        container = {"name": "main", "command": [sys.executable, "-S", "-c", PROGRAM], "env": environment}
        return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}}

    def lives(self) -> list[Life]:
        """All lives so far, in the order in which they began."""
        signs: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        text = self.path.read_text() if self.path.exists() else ""
        for line in text.splitlines():
            name, uid, version, at = line.split()
            signs[name, uid, version].append(float(at))
        lives = [Life(*who, first_s=min(times), last_s=max(times)) for who, times in signs.items()]
        return sorted(lives, key=lambda life: life.first_s)

    def began(self) -> list[str]:
        """Which pods began, as `db-0:v1`, in order."""
        return [f"{life.name}:{life.version}" for life in self.lives()]

    def overlaps(self) -> list[tuple[Life, Life]]:
        """Pairs of lives of one name that were there at the same time: there should be none."""
        lives = self.lives()
        return [
            (one, other)
            for number, one in enumerate(lives)
            for other in lives[number + 1 :]
            if one.name == other.name and other.first_s <= one.last_s
        ]
