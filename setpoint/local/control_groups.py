"""Removes the control groups that a machine's agent made, after its processes were killed.

An agent removes its groups when it leaves in order. A machine that loses its power cannot, and on a host that goes on
its empty groups would stay, and cost the kernel time whenever it makes another. Agents make theirs as
`…/setpoint/NAME/…` in each hierarchy, so the groups of a machine are known by the processes that it has.

It is a part of `machine_init`, and uses the standard library only.

Reads: `/proc/PID/cgroup`, `/proc/self/mountinfo`. Writes: removes empty groups below `setpoint/NAME`.
Never: touches a group that no process of the machine was in, or that still has processes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

_FOLDER = "setpoint"
_EMPTY_WITHIN_S = 5.0
_RETRY_S = 0.02


def bases_of(pids: Iterable[int]) -> frozenset[Path]:
    """The folders `…/setpoint/NAME` whose groups these processes are in, in every hierarchy."""
    mounts = _mounts(Path("/proc/self/mountinfo").read_text())
    bases: set[Path] = set()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        except OSError:
            continue  # It ended while we looked.
        for line in lines:
            _, controllers, path = line.split(":", 2)
            base = _base(path)
            mount = mounts.get(frozenset(filter(None, controllers.split(","))))
            if base and mount is not None:
                bases.add(mount / base)
    return frozenset(bases)


def remove(bases: Iterable[Path]) -> None:
    """Remove the folders with all groups in them; the kernel lets go of a killed process's group a moment later."""
    deadline_s = time.monotonic() + _EMPTY_WITHIN_S
    for base in bases:
        while base.exists() and not _remove_empty(base) and time.monotonic() < deadline_s:
            time.sleep(_RETRY_S)


def _base(path: str) -> str:
    """`a/setpoint/NAME` of a group's path `/a/setpoint/NAME/…`; "" for a group that is no agent's."""
    parts = path.strip("/").split("/")
    if _FOLDER not in parts[:-1]:
        return ""
    return "/".join(parts[: parts.index(_FOLDER) + 2])


def _mounts(mountinfo: str) -> dict[frozenset[str], Path]:
    """Where each hierarchy is mounted, by its controllers (none: v2), from the text of `/proc/self/mountinfo`."""
    found: dict[frozenset[str], Path] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found[frozenset()] = Path(before.split()[4])
        elif kind == "cgroup":
            found[frozenset(options.split(",")) - {"rw", "ro"}] = Path(before.split()[4])
    return found


def _remove_empty(base: Path) -> bool:
    """Remove a tree of groups from its leaves up; False when one still has processes."""
    for folder, _, _ in os.walk(base, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return not base.exists()
    return True
