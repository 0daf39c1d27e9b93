"""The real machine, as psutil, `/proc` and the sockets tell. One of the few places that import psutil."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import psutil

from node_agent.cgroup.hugepages import pools
from node_agent.machine.port import MachineUsage
from node_agent.plan.eviction import Observed, Signal
from proto.objects.core import NodeSystemInfo

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""Go's names, which Kubernetes' labels use."""

_SOCKETS = {
    "TCP": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "UDP": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "SCTP": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


class HostMachine:
    """The computer this program runs on. `state_dir`: where its pods write, once that folder is there."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.hostname = socket.gethostname()
        psutil.cpu_percent(None)

    @cached_property
    def cpu_millis(self) -> int:
        """The processors that this program may use."""
        return len(os.sched_getaffinity(0)) * 1000

    @cached_property
    def memory_bytes(self) -> int:
        """All memory of the machine."""
        return int(psutil.virtual_memory().total)

    @cached_property
    def storage_bytes(self) -> int:
        """All of the file system where the state directory is, or will be made."""
        place = self._state_dir.absolute()
        return shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).total

    @property
    def pids_max(self) -> int:
        """The kernel's lower limit of the two."""
        return min(_number("/proc/sys/kernel/pid_max"), _number("/proc/sys/kernel/threads-max"))

    @cached_property
    def huge_pages(self) -> Mapping[int, int]:
        """The pools that the administrator has filled by now."""
        return pools()

    def system_info(self) -> NodeSystemInfo:
        """What `/etc` and `/proc` say."""
        return NodeSystemInfo(
            machine_id=_line("/etc/machine-id"),
            system_uuid=_line("/sys/class/dmi/id/product_uuid"),
            boot_id=_line("/proc/sys/kernel/random/boot_id"),
            kernel_version=platform.release(),
            os_image=_os_image(),
            operating_system=platform.system().lower(),
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        )

    def usage(self) -> MachineUsage:
        """The share of the processors since the last call, and memory that is not available."""
        memory = psutil.virtual_memory()
        return MachineUsage(
            cpu_millis=int(psutil.cpu_percent(None) * (os.cpu_count() or 1) * 10),
            memory_bytes=int(memory.total - memory.available),
        )

    def observe(self) -> Mapping[Signal, Observed]:
        """Memory that the kernel could hand out without swapping, the state directory's file system, process ids."""
        memory = psutil.virtual_memory()
        observed = {Signal.MEMORY: Observed(int(memory.available), int(memory.total))}
        with contextlib.suppress(OSError):  # The folder may be removed under us; the node's conditions tell of that.
            disk = os.statvfs(self._state_dir)
            observed[Signal.DISK] = Observed(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
            if disk.f_files:  # Some file systems have as many as they need.
                observed[Signal.INODES] = Observed(disk.f_favail, disk.f_files)
        pids_max = self.pids_max
        threads = _line("/proc/loadavg").partition("/")[2].partition(" ")[0]
        if pids_max and threads.isdigit():
            observed[Signal.PIDS] = Observed(max(pids_max - int(threads), 0), pids_max)
        return observed

    def port_is_free(self, port: int, protocol: str) -> bool:
        """Binds it for a moment, on all addresses."""
        kind, number = _SOCKETS[protocol]
        try:
            with socket.socket(socket.AF_INET, kind, number) as probe:
                probe.bind(("", port))
        except OSError:
            return False
        return True


def address_towards(host: str, port: int) -> str:
    """The machine's own address on the route to `host`; 127.0.0.1 when there is none.

    (Connecting a UDP socket sends nothing, it only picks the route.)
    """
    with contextlib.suppress(OSError):
        family, kind, number, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, number) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    return "127.0.0.1"


def _line(path: str) -> str:
    """The first line of a small file; "" if it cannot be read."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _number(path: str) -> int:
    """The number in a small file; 0 if there is none."""
    text = _line(path)
    return int(text) if text.isdigit() else 0


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
