"""How a child comes into its control group: born there, or by itself where the kernel does not know how."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_agent.cgroup.detect import own_v2_group

LAUNCH = """
import errno, os, sys
from node_agent.cgroup.port import Entrances
from node_agent.supervisor import kernel
from node_agent.supervisor.launch import Program, launch

def unknown(group):
    raise OSError(errno.ENOSYS, "Function not implemented")

group, known = sys.argv[1:]
kernel.fork_into = kernel.fork_into if known == "known" else unknown
output = "/dev/stdout"
program = Program("a", ["cat", "/proc/self/cgroup"], {}, "/", output, output, Entrances(group), (64, 64), 0,
                  output_flags=os.O_WRONLY)
on_its_way = launch(program)
on_its_way.go()
print(on_its_way.outcome(), os.waitpid(on_its_way.pid, 0)[1])
"""


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group in the unified hierarchy."""
    own = own_v2_group()
    assert own is not None
    group = Path(own, f"setpoint-test-launch-{id(own)}")
    group.mkdir()
    yield group
    group.rmdir()


@pytest.mark.parametrize("call", ["known", "unknown"])
def test_the_program_runs_in_its_group(group: Path, call: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(group), call], capture_output=True, text=True, timeout=10, check=True
    )
    told = done.stdout.splitlines()
    assert [line.rpartition("/")[2] for line in told if line.startswith("0::")] == [group.name]
    assert told[-1] == "None 0"


def test_a_group_that_is_gone_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(tmp_path / "gone"), "known"],
        capture_output=True, text=True, timeout=10, check=True,
    )  # fmt: skip
    assert "cannot enter cgroup" in done.stdout and "No such file or directory" in done.stdout
