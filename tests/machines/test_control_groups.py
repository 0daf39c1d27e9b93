"""The control groups of a machine that lost its power are removed, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proto.ids import RandomIds
from setpoint.local.control_groups import bases_of
from setpoint.local.groups import GroupFleet

MEMORY = Path("/sys/fs/cgroup/memory")


@pytest.mark.skipif(
    os.geteuid() != 0 or not (MEMORY / "cgroup.procs").exists(), reason="needs root and the memory controller of v1"
)
async def test_groups_of_killed_processes_are_removed(tmp_path: Path) -> None:
    name = f"test-{RandomIds().suffix()}"
    group = MEMORY / "setpoint" / name / "workloads" / "web"
    group.mkdir(parents=True)
    bystander = MEMORY / "setpoint" / f"{name}-other"
    bystander.mkdir()
    fleet = GroupFleet()
    try:
        machine = await fleet.add("m1", tmp_path)
        program = await machine.start(["/bin/sleep", "300"])
        (group / "cgroup.procs").write_text(str(program.pid))
        assert bases_of([program.pid]) == {MEMORY / "setpoint" / name}
        await machine.kill_all()
        assert not (MEMORY / "setpoint" / name).exists()
        assert bystander.exists()
    finally:
        await fleet.close()
        bystander.rmdir()


def test_processes_of_no_agent_have_no_groups_to_remove() -> None:
    assert bases_of([os.getpid(), 2**22 + 1]) == frozenset()
