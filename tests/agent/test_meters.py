"""What the kernel's counters say of processors and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.machine.meters import Memory, ProcessorMeter, memory, memory_now


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  600 kB\nBuffers: 7 kB\n",
            Memory(1024_000, 614_400),
            id="what can be freed is available",
        ),
        pytest.param(
            "MemTotal:  1000 kB\nMemFree:  100 kB\n", Memory(1024_000, 102_400), id="an old kernel counts what is free"
        ),
        pytest.param(
            "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  2000 kB\n",
            Memory(1024_000, 1024_000),
            id="a container of the machine shows the machine's",
        ),
    ],
)
def test_memory(text: str, expected: Memory) -> None:
    assert memory(text) == expected


def test_memory_of_this_machine() -> None:
    found = memory_now()
    assert 0 < found.available_bytes <= found.total_bytes


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param("cpu  150 10 40 900 100 0 0 0 20 0", 0.5, id="half of it was work"),
        pytest.param("cpu  100 10 40 900 150 0 0 0 0 0", 0.0, id="waiting for the disk is idle"),
        pytest.param("cpu  100 10 40 900 100 0 0 0 0 0", 0.0, id="no time has passed"),
        pytest.param("cpu  100 10 40 850 100 0 0 80 0 0", 1.0, id="a counter that went back"),
    ],
)
def test_share_of_the_processors(tmp_path: Path, later: str, expected: float) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 40 850 100 0 0 0 0 0\ncpu0 1 2 3\n")
    meter = ProcessorMeter(stat)
    stat.write_text(later + "\ncpu0 4 5 6\n")
    assert meter.share() == expected
    assert meter.share() == 0.0, "counted from the last look"
