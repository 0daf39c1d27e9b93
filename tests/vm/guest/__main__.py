"""Runs the checks of this boot, tells the verdicts, then reboots the machine or powers it off."""

from __future__ import annotations

import asyncio
import subprocess
import time

from tests.vm.guest.checks import AFTER_REBOOT, BEFORE_REBOOT, Check
from tests.vm.guest.cluster import Cluster
from tests.vm.guest.reboot import FACTS
from tests.vm.guest.verdicts import Verdict

CHECK_WITHIN_S = 400.0


async def main() -> None:
    """One boot's worth of checks. A check that fails does not keep the next from running."""
    is_second_boot = FACTS.exists()
    cluster = await Cluster.connect()
    for check in AFTER_REBOOT if is_second_boot else BEFORE_REBOOT:
        await _judge(check, cluster)
    if not is_second_boot and FACTS.exists():
        subprocess.run(["systemctl", "reboot"], check=True)
        return
    subprocess.run(["systemctl", "poweroff"], check=True)


async def _judge(check: Check, cluster: Cluster) -> None:
    started_s = time.monotonic()
    problem = ""
    try:
        async with asyncio.timeout(CHECK_WITHIN_S):
            await check(cluster)
    except Exception as failure:
        problem = f"{type(failure).__name__}: {failure}"
        _tell_journal()
    print(Verdict(check.__name__, problem, round(time.monotonic() - started_s, 1)).line(), flush=True)


def _tell_journal() -> None:
    """The last words of the units, for whoever reads the console."""
    subprocess.run(
        ["journalctl", "--no-pager", "--quiet", "--lines=40", "--unit=setpoint-*", "--unit=joined"], check=False
    )


if __name__ == "__main__":
    asyncio.run(main())
