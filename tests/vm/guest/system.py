"""The machine as the kernel and systemd show it, and waiting for what must become true."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")
AGENT = "setpoint-node-agent"
SLOW_S = 150.0
"""What anything may take: the machine is emulated, on processors that others use too."""


def systemctl(*words: str) -> str:
    """Runs systemctl; what it prints.

    Raises:
        AssertionError: It failed; tells what it said.
    """
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"systemctl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout.strip()


def shown(unit: str, name: str) -> str:
    """One property of a unit."""
    return systemctl("show", "--property", name, "--value", unit)


def main_pid(unit: str) -> int:
    """The main process of a service; 0 when it has none."""
    return int(shown(unit, "MainPID"))


def group_of(pid: int) -> Path:
    """The directory of a process's control group."""
    return CGROUPS / Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::/")


def processes() -> dict[int, str]:
    """All processes with their control groups, relative to the root."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = Path(entry.path, "cgroup").read_text().strip()
            except OSError:
                continue  # It ended while we looked.
    return found


def pids_of(pod_uid: str) -> list[int]:
    """The living processes of a pod, first ones first: each container's group bears the pod's uid in its name."""
    return sorted(pid for pid, group in processes().items() if Path(group).name.startswith(f"{pod_uid}."))


def supervisors() -> dict[int, str]:
    """All supervisors with their control groups."""
    return {pid: group for pid, group in processes().items() if b"node_agent.supervisor" in _command_line(pid)}


def _command_line(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def keyed(path: Path) -> dict[str, int]:
    """A flat keyed file of a control group."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return {key: int(value) for key, value in pairs}


async def eventually(look: Callable[[], Any], what: str, within_s: float = SLOW_S) -> Any:
    """Looks again and again until it sees something true; what it saw. The machine may be slow.

    `look` may be a coroutine function, and an `AssertionError` of it counts as nothing seen.

    Raises:
        AssertionError: Not in time.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + within_s
    while True:
        try:
            seen = look()
            value = await seen if inspect.isawaitable(seen) else seen
            if value:
                return value
            last = value
        except AssertionError as failure:
            last = failure
        assert loop.time() < deadline_s, f"not within {within_s:.0f} s: {what}; last: {last}"
        await asyncio.sleep(0.2)
