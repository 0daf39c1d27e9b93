"""The links of machines on this host: one bridge a cluster, one veth pair a machine.

Bridge `spN` owns the network 198.18.N.0/24 (for N above 255: 198.19.…) of the range that RFC 2544 sets aside for
benchmarks, so that it collides with nobody's real network. The kernel refuses a second link of the same name, which
makes the name the lock: two clusters that start at once cannot take the same network. The bridge's alias names its
owner by pid and start time; a bridge whose owner is dead is removed by the next cluster that starts.

All functions here block for a few milliseconds and belong into a thread.

Reads: links, addresses and routes of this host. Writes: links named `spN` and `spN-M`, and their addresses.
Never: touches a link of another name, a firewall or a sysctl.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from setpoint.local.errors import LocalError

_RANGE = ipaddress.IPv4Network("198.18.0.0/15")
_PREFIX_BITS = 24
_FIRST_MACHINE = 10
_BRIDGE_NAME = re.compile(r"sp\d+")
_ALIAS = re.compile(r"setpoint pid=(\d+) start=(\d+)")
_IPV4 = 2
_CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A cluster's bridge: link `spN`, with this host's own address as the gateway of its network."""

    number: int

    @property
    def name(self) -> str:
        """The name of the link."""
        return f"sp{self.number}"

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The /24 that belongs to it."""
        return ipaddress.IPv4Network((int(_RANGE.network_address) + (self.number << 8), _PREFIX_BITS))

    @property
    def gateway(self) -> str:
        """This host's address on it."""
        return str(self.network[1])

    def machine_address(self, index: int) -> str:
        """The address of its machine number `index`, from 0."""
        return str(self.network[_FIRST_MACHINE + index])

    def port_name(self, index: int) -> str:
        """The name of the bridge's end of the veth pair of machine number `index`."""
        return f"{self.name}-{index}"


def open_bridge() -> Bridge:
    """Make a bridge on a network that nothing on this host uses, and remove the bridges of dead owners first.

    Raises:
        LocalError: the kernel refuses, or no network is free.
    """
    with _netlink("make a bridge") as netlink:
        _remove_abandoned(netlink)
        taken = list(_networks_in_use(netlink))
        for number in range(_RANGE.num_addresses >> (32 - _PREFIX_BITS)):
            bridge = Bridge(number)
            if any(bridge.network.overlaps(other) for other in taken):
                continue
            if _create(netlink, bridge):
                return bridge
    raise LocalError(f"no free network left in {_RANGE}")


def plug_in(bridge: Bridge, index: int, pid: int) -> None:
    """Connect the network namespace of process `pid` to `bridge` as machine number `index`: `eth0` there.

    Raises:
        LocalError: the kernel refuses.
    """
    with _netlink("connect a machine") as netlink:
        port = bridge.port_name(index)
        netlink.link("add", ifname=port, kind="veth", peer={"ifname": "eth0", "net_ns_pid": pid})
        netlink.link(
            "set",
            index=_index_of(netlink, port),
            master=_index_of(netlink, bridge.name),
            state="up",
        )
    with _inside(pid), _netlink("configure a machine") as netlink:
        netlink.link("set", index=_index_of(netlink, "lo"), state="up")
        eth0 = _index_of(netlink, "eth0")
        netlink.addr("add", index=eth0, address=bridge.machine_address(index), prefixlen=_PREFIX_BITS)
        netlink.link("set", index=eth0, state="up")


def set_port(bridge: Bridge, index: int, *, up: bool) -> None:
    """Set the bridge's end of a machine's cable up or down; nothing on either side is closed by it."""
    with _netlink("set a link") as netlink:
        port = _index_of(netlink, bridge.port_name(index))
        netlink.link("set", index=port, state="up" if up else "down")


def unplug(bridge: Bridge, index: int) -> None:
    """Remove a machine's cable, if it is still there."""
    with _netlink("remove a link") as netlink:
        _delete(netlink, bridge.port_name(index))


def remove_bridge(bridge: Bridge) -> None:
    """Remove the bridge and every cable that is still plugged into it; safe to repeat."""
    with _netlink("remove a bridge") as netlink:
        _remove_with_ports(netlink, bridge.name)


@contextmanager
def _netlink(doing: str) -> Iterator[Any]:
    """A netlink socket in the thread's network namespace, whose errors are said in one line."""
    try:
        with IPRoute() as netlink:
            yield netlink
    except (NetlinkError, OSError) as error:
        raise LocalError(f"cannot {doing}: {error}") from error


@contextmanager
def _inside(pid: int) -> Iterator[None]:
    """Put this thread, and no other, into the network namespace of process `pid` for the length of the block."""
    with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/proc/{pid}/ns/net").open("rb") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(namespace_fd: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    if _libc.setns(namespace_fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _create(netlink: Any, bridge: Bridge) -> bool:
    """Make the bridge; False when its name is taken. A fixed MAC keeps neighbours' ARP caches valid."""
    mac = f"02:53:50:00:{bridge.number >> 8:02x}:{bridge.number & 0xFF:02x}"
    try:
        netlink.link("add", ifname=bridge.name, kind="bridge", address=mac)
    except NetlinkError as error:
        if error.code == errno.EEXIST:
            return False
        raise
    try:
        index = _index_of(netlink, bridge.name)
        alias = f"setpoint pid={os.getpid()} start={_start_time(os.getpid())}"
        netlink.link("set", index=index, ifalias=alias)
        netlink.addr("add", index=index, address=bridge.gateway, prefixlen=_PREFIX_BITS)
        netlink.link("set", index=index, state="up")
    except BaseException:
        _delete(netlink, bridge.name)
        raise
    return True


def _networks_in_use(netlink: Any) -> Iterator[ipaddress.IPv4Network]:
    """Every network that a link's address or a route of this host covers, the default route left out."""
    for address in netlink.get_addr(family=_IPV4):
        yield ipaddress.IPv4Network((address.get_attr("IFA_ADDRESS"), address["prefixlen"]), strict=False)
    for route in netlink.get_routes(family=_IPV4):
        if destination := route.get_attr("RTA_DST"):
            yield ipaddress.IPv4Network((destination, route["dst_len"]), strict=False)


def _remove_abandoned(netlink: Any) -> None:
    """Remove the bridges whose owner died without cleaning up."""
    for link in netlink.get_links():
        name = link.get_attr("IFLA_IFNAME")
        owner = _ALIAS.fullmatch(link.get_attr("IFLA_IFALIAS") or "")
        if owner and _BRIDGE_NAME.fullmatch(name) and _start_time(int(owner[1])) != int(owner[2]):
            _remove_with_ports(netlink, name)


def _remove_with_ports(netlink: Any, bridge_name: str) -> None:
    for link in netlink.get_links():
        name = link.get_attr("IFLA_IFNAME")
        if name.startswith(f"{bridge_name}-"):
            _delete(netlink, name)
    _delete(netlink, bridge_name)


def _delete(netlink: Any, name: str) -> None:
    """Remove a link that may have gone by itself, with its namespace."""
    for index in netlink.link_lookup(ifname=name):
        try:
            netlink.link("del", index=index)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise


def _index_of(netlink: Any, name: str) -> int:
    found = netlink.link_lookup(ifname=name)
    if not found:
        raise OSError(errno.ENODEV, f"link {name} is gone")
    return int(found[0])


def _start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5), field 22): with the pid, its identity."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[19])
