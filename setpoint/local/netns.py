"""Machines as root: a network namespace each, with an address of its own on a bridge of this host.

A namespace belongs to the process tree that opened it and ends with it, so nothing has to be named or mounted.
Cutting a machine off sets the bridge's end of its cable down: packets vanish in both directions, no connection is
closed, and neither side is told.

Writes: links (through `links`), and below each machine's state folder.
Never: changes the host's firewall or forwarding. Machines reach this host and each other, and nothing beyond: they
have no default route, so that what does not exist for them fails at once instead of timing out.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Self

from setpoint.local import links
from setpoint.local.errors import LocalError
from setpoint.local.groups import TreeMachine, make_folder
from setpoint.local.links import Bridge
from setpoint.local.process_tree import ProcessTree

_REACH_WITHIN_S = 3.0
_REACH_HUB = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"


class NetnsMachine(TreeMachine):
    """A machine in a network namespace of its own."""

    def __init__(self, name: str, state_dir: Path, tree: ProcessTree, bridge: Bridge, index: int):
        super().__init__(name, bridge.machine_address(index), state_dir, tree)
        self._bridge = bridge
        self._index = index

    @classmethod
    async def plug_in(cls, name: str, state_dir: Path, bridge: Bridge, index: int) -> Self:
        """Open a namespace and connect it to `bridge` as machine number `index`."""
        make_folder(state_dir)
        tree = await ProcessTree.open(own_network=True)
        try:
            await asyncio.to_thread(links.plug_in, bridge, index, tree.pid)
        except BaseException:
            await tree.close()
            raise
        return cls(name, state_dir, tree, bridge, index)

    async def cut(self) -> None:
        """Set its link down."""
        await asyncio.to_thread(links.set_port, self._bridge, self._index, up=False)

    async def heal(self) -> None:
        """Set its link up again."""
        await asyncio.to_thread(links.set_port, self._bridge, self._index, up=True)

    async def close(self) -> None:
        """Kill everything on it and remove its cable."""
        await super().close()
        await asyncio.to_thread(links.unplug, self._bridge, self._index)


class NetnsFleet:
    """Machines that are network namespaces on one bridge."""

    cut_means = "its link goes down, nothing is closed"

    def __init__(self, bridge: Bridge):
        self._bridge = bridge
        self._machines: list[NetnsMachine] = []
        self._numbers = itertools.count()

    @classmethod
    async def open(cls) -> Self:
        """Make the bridge, and prove with a first machine that namespaces work and reach this host.

        Raises:
            LocalError: something forbids it: the kernel, a container's rules, a firewall.
        """
        fleet = cls(await asyncio.to_thread(links.open_bridge))
        try:
            await fleet._prove()
        except BaseException:
            await fleet.close()
            raise
        return fleet

    @property
    def kind(self) -> str:
        """What the machines are, for people."""
        return f"network namespaces on the bridge {self._bridge.name} ({self._bridge.network})"

    @property
    def hub_address(self) -> str:
        """This host's address on the bridge."""
        return self._bridge.gateway

    async def add(self, name: str, state_dir: Path) -> NetnsMachine:
        """Make a machine and connect it; several may be made at once."""
        machine = await NetnsMachine.plug_in(name, state_dir, self._bridge, next(self._numbers))
        self._machines.append(machine)
        return machine

    async def close(self) -> None:
        """Remove every machine, then the bridge."""
        await asyncio.gather(*(machine.close() for machine in self._machines))
        self._machines.clear()
        await asyncio.to_thread(links.remove_bridge, self._bridge)

    async def _prove(self) -> None:
        """Have a machine open a connection to this host, which a firewall may forbid."""
        listener = await asyncio.start_server(lambda _, writer: writer.close(), self.hub_address, 0)
        port = listener.sockets[0].getsockname()[1]
        tree = await ProcessTree.open(own_network=True)
        try:
            await asyncio.to_thread(links.plug_in, self._bridge, 0, tree.pid)
            argv = (sys.executable, "-I", "-S", "-c", _REACH_HUB, self.hub_address, str(port))
            attempt = await tree.start(argv, log=Path("/dev/null"))
            async with asyncio.timeout(_REACH_WITHIN_S):
                status = await attempt.wait()
            if status != 0:
                raise LocalError(f"a machine on {self._bridge.name} cannot reach this host (a firewall?)")
        except TimeoutError as error:
            raise LocalError(f"a machine on {self._bridge.name} cannot reach this host (a firewall?)") from error
        finally:
            listener.close()
            await tree.close()
            await asyncio.to_thread(links.unplug, self._bridge, 0)
