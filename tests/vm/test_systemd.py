"""What `deploy/` promises, on a machine with systemd and the whole of cgroup v2: one boot, many verdicts.

All that the machine said is kept in `~/.cache/setpoint-tests/console.log` until the next run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.vm import cargo, image, machine
from tests.vm.guest.checks import AFTER_REBOOT, BEFORE_REBOOT

pytestmark = pytest.mark.vm

LIVES_WITHIN_S = 1800
BUILD_AND_RUN_WITHIN_S = LIVES_WITHIN_S + 600


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> machine.Run:
    """The machine's whole life, from building it to its power-off."""
    if os.geteuid() != 0:
        pytest.skip("building a machine's file system needs root")
    folder: Path = tmp_path_factory.mktemp("machine")
    try:
        built = image.build()
    except image.NoRegistry as reason:
        pytest.skip(str(reason))
    initrd = cargo.load(built, folder)
    try:
        return machine.live(built.kernel, initrd, folder, image.cache_folder() / "console.log", within_s=LIVES_WITHIN_S)
    finally:
        initrd.unlink()


@pytest.mark.timeout(BUILD_AND_RUN_WITHIN_S)
@pytest.mark.parametrize("check", [check.__name__ for check in (*BEFORE_REBOOT, *AFTER_REBOOT)])
def test_on_a_real_machine(run: machine.Run, check: str) -> None:
    verdict = run.verdicts.get(check)
    assert verdict is not None, "the machine did not get this far:\n" + "\n".join(run.console[-40:])
    assert verdict.problem == ""
