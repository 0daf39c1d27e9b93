"""The control groups of a machine that lost its power are removed, and no others."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from proto.ids import RandomIds
from setpoint.local.control_groups import bases_of
from setpoint.local.groups import GroupFleet
from tests.waiting import eventually

MEMORY = Path("/sys/fs/cgroup/memory")


OWNER = """
import asyncio, sys
from pathlib import Path
from setpoint.local.groups import GroupFleet

async def main():
    machine = await GroupFleet().add("m1", Path(sys.argv[1]))
    print((await machine.start(["/bin/sleep", "300"])).pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

with_groups = pytest.mark.skipif(
    os.geteuid() != 0 or not (MEMORY / "cgroup.procs").exists(), reason="needs root and the memory controller of v1"
)


@with_groups
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


@with_groups
async def test_they_are_removed_also_when_the_owner_was_killed(tmp_path: Path) -> None:
    base = MEMORY / "setpoint" / f"test-{RandomIds().suffix()}"
    (base / "workloads" / "web").mkdir(parents=True)
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    pid = (await asyncio.wait_for(owner.stdout.readline(), 30)).strip()
    (base / "workloads" / "web" / "cgroup.procs").write_bytes(pid)
    owner.kill()
    await owner.wait()
    await eventually(lambda: not base.exists())


def test_processes_of_no_agent_have_no_groups_to_remove() -> None:
    assert bases_of([os.getpid(), 2**22 + 1]) == frozenset()
