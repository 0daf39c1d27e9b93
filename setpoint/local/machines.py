"""What a machine is on this host, and which kind of machine this host can give.

A machine runs programs, can be cut off without any of them noticing a closed connection, and can lose or freeze all
of its processes at once. Two kinds exist: network namespaces with addresses of their own (`netns`, needs root), and
process trees that share loopback (`groups`, for everyone).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from setpoint.local.errors import LocalError
from setpoint.local.process_tree import Program

Isolation = Literal["auto", "netns", "groups"]
"""Which kind of machines to make: `auto` takes namespaces where the host allows them."""

_CAP_NET_ADMIN = 12
_CAP_SYS_ADMIN = 21


class Machine(Protocol):
    """One machine: its programs run below `state_dir`, reachable under `address` (IPv4, as text)."""

    @property
    def name(self) -> str:
        """Its name, a DNS-1123 label."""
        ...

    @property
    def address(self) -> str:
        """Where its programs are reachable from this host."""
        ...

    @property
    def state_dir(self) -> Path:
        """What survives when the machine is powered off."""
        ...

    async def start(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Program:
        """Run a program on it; its output goes to a log in `state_dir`, named after the program."""
        ...

    async def cut(self) -> None:
        """Make it unreachable silently: nothing is closed, nobody is told."""
        ...

    async def heal(self) -> None:
        """Undo `cut`."""
        ...

    async def freeze(self) -> None:
        """Stop all its processes (SIGSTOP), as a hypervisor pauses a guest."""
        ...

    async def thaw(self) -> None:
        """Undo `freeze`."""
        ...

    async def processes(self) -> tuple[int, ...]:
        """The pids of all that runs on it."""
        ...

    async def kill_all(self) -> None:
        """Kill every process on it (SIGKILL): the power fails. It can be used again at once."""
        ...

    async def power_off(self, grace_s: float) -> None:
        """Ask every process to end (SIGTERM), and kill what still runs after `grace_s` seconds."""
        ...

    async def close(self) -> None:
        """Kill everything on it and remove the machine; its `state_dir` stays."""
        ...


class Fleet(Protocol):
    """A kind of machine, and the machines of one cluster of that kind."""

    @property
    def kind(self) -> str:
        """What the machines are, for people: "network namespaces on the bridge sp0"."""
        ...

    @property
    def cut_means(self) -> str:
        """What cutting one off does, for people."""
        ...

    @property
    def hub_address(self) -> str:
        """This host's address as its machines see it: where the NATS server must listen."""
        ...

    async def add(self, name: str, state_dir: Path) -> Machine:
        """Make a machine."""
        ...

    async def close(self) -> None:
        """Remove every machine and whatever connected them; safe to repeat."""
        ...


async def open_fleet(isolation: Isolation = "auto") -> tuple[Fleet, str]:
    """The best kind of machines that this host can give, and why it is that one.

    Raises:
        LocalError: `netns` was asked for and is impossible here.
    """
    from setpoint.local.groups import GroupFleet

    if isolation == "groups":
        return GroupFleet(), "asked for"
    obstacle = _obstacle_to_namespaces()
    if obstacle is None:
        from setpoint.local.netns import NetnsFleet

        try:
            return await NetnsFleet.open(), "running as root with CAP_NET_ADMIN and CAP_SYS_ADMIN"
        except LocalError as error:
            obstacle = str(error)
    if isolation == "netns":
        raise LocalError(f"network namespaces are impossible here: {obstacle}")
    return GroupFleet(), f"network namespaces are impossible here: {obstacle}"


def _obstacle_to_namespaces() -> str | None:
    """Why this process may not make network namespaces; None when nothing is known to stand in the way."""
    if os.geteuid() != 0:
        return "not running as root"
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            capabilities = int(line.split()[1], 16)
            missing = [
                name
                for name, bit in (("CAP_NET_ADMIN", _CAP_NET_ADMIN), ("CAP_SYS_ADMIN", _CAP_SYS_ADMIN))
                if not capabilities >> bit & 1
            ]
            return f"root here lacks {' and '.join(missing)}" if missing else None
    return None
