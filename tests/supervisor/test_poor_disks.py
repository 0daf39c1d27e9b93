"""A supervisor that begins on a disk that takes nothing looks after what runs, and says why nothing can begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.supervisor.client import SupervisorClient
from tests.disks import fill, remount, small
from tests.supervisor.rig import Rig

__all__ = ["small"]


@pytest.mark.parametrize(("trouble", "words"), [("read-only", "Read-only file system"), ("full", "No space left")])
async def test_a_supervisor_begins_on_a_disk_that_takes_nothing(small: Path, trouble: str, words: str) -> None:
    rig = Rig(small)
    await rig.attach()
    await rig.start_shell("old", "exec sleep 100")
    await rig.kill()
    ballast = None
    if trouble == "read-only":
        remount(small, "ro")
    else:
        ballast = fill(small)
    await rig.attach()
    assert (await rig.listed("old"))["phase"] == "Running"
    assert words in str(await rig.refusal("new", "true"))
    other = await SupervisorClient.connect(rig.place.socket_path)
    await other.close()
    assert (await rig.call("stop", container="old", grace_s=5))["signal"] == 15
    if ballast is None:
        remount(small, "rw")
    else:
        ballast.unlink()
    await rig.start("new", "true")
    assert (await rig.ended("new"))["exit_code"] == 0
    await rig.close()
