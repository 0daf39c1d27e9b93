"""How busy the processors are and how much memory is left, as the kernel counts them.

Reads: `/proc/stat`, `/proc/meminfo`. Never: keeps a file open.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_COUNTED = 8
"""user, nice, system, idle, iowait, irq, softirq, steal; the times of guests behind them are in the first two too."""
_IDLE = slice(3, 5)


@dataclass(frozen=True, slots=True)
class Memory:
    """All of the machine's memory, and what the kernel could hand out of it without swapping; in bytes."""

    total_bytes: int
    available_bytes: int


def memory(meminfo: str) -> Memory:
    """What the text of `/proc/meminfo` says."""
    kibibytes = dict(line.split()[:2] for line in meminfo.splitlines() if line.startswith("Mem"))
    total, free = int(kibibytes["MemTotal:"]), int(kibibytes["MemFree:"])
    return Memory(1024 * total, 1024 * min(int(kibibytes.get("MemAvailable:", free)), total))


def memory_now() -> Memory:
    """What is left now."""
    return memory(Path("/proc/meminfo").read_text())


class ProcessorMeter:
    """The share of all processors' time that was not idle since the last look; the first one is made at once."""

    def __init__(self, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._busy, self._all = self._read()

    def share(self) -> float:
        """0 to 1; 0 when no time has passed."""
        before_busy, before_all = self._busy, self._all
        self._busy, self._all = self._read()
        passed = self._all - before_all
        return min(max((self._busy - before_busy) / passed, 0.0), 1.0) if passed > 0 else 0.0

    def _read(self) -> tuple[int, int]:
        """Ticks since the machine started: of work, and altogether."""
        with self._stat.open() as file:
            ticks = [int(word) for word in file.readline().split()[1 : 1 + _COUNTED]]
        return sum(ticks) - sum(ticks[_IDLE]), sum(ticks)
