"""A real supervisor in a temporary folder, with the words that tests need."""

import asyncio
import contextlib
import os
import select
import signal
from pathlib import Path
from typing import Any

from node_agent.cgroup.detect import base_name
from node_agent.runtime.logs import LogLine, log_files, log_lines
from node_agent.supervisor.client import (
    SupervisorClient,
    SupervisorGone,
    SupervisorPlace,
    SupervisorRefused,
    ensure_supervisor,
)
from tests.waiting import eventually

PATH = "/usr/local/bin:/usr/bin:/bin"


class Rig:
    """One node's supervisor and one client that watches."""

    def __init__(self, folder: Path, use_cgroups: bool = True) -> None:
        self.folder = folder
        self.place = SupervisorPlace(folder / "state", "test", use_cgroups)
        self.client: SupervisorClient | None = None
        self.pid = 0
        self.base = base_name("test", str(self.place.state_dir))
        self.hello: dict[str, Any] = {}
        self.changes: list[dict[str, Any]] = []

    async def attach(self) -> None:
        """Connects, starting the supervisor if none runs, and watches."""
        deadline_s = asyncio.get_running_loop().time() + 5
        while self.client is None:
            try:
                self.client = await ensure_supervisor(self.place)
            except SupervisorGone:
                assert asyncio.get_running_loop().time() < deadline_s
                await asyncio.sleep(0.02)
        self.client.on_container = self.changes.append
        self.hello = await self.client.call("hello")
        self.pid = self.hello["pid"]
        await self.client.call("list", watch=True)

    async def detach(self) -> None:
        """Goes away as a killed agent does."""
        if self.client is not None:
            await self.client.close()
            self.client = None

    async def kill(self) -> None:
        """Kills the supervisor with -9, and waits until it holds no file any more: it loses its clients before that."""
        process = os.pidfd_open(self.pid)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            await eventually(lambda: select.select([process], [], [], 0)[0], what="the supervisor has ended")
        finally:
            os.close(process)
        await self.detach()

    async def close(self) -> None:
        """Stops everything."""
        with contextlib.suppress(SupervisorGone):
            await self.attach()
            await self.call("shutdown", stop_containers=True)
        await self.detach()

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        assert self.client is not None
        return await self.client.call(operation, **parameters)

    async def start(self, container_id: str, *argv: str, **more: Any) -> dict[str, Any]:
        """Starts a program with a plain environment and its log in the folder."""
        message: dict[str, Any] = {"env": {"PATH": PATH}, "log": {"path": str(self.log_path(container_id))}}
        return await self.call("start", container=container_id, argv=list(argv), **{**message, **more})

    async def start_shell(self, container_id: str, script: str, **more: Any) -> dict[str, Any]:
        return await self.start(container_id, "sh", "-c", script, **more)

    async def refusal(self, container_id: str, *argv: str, **more: Any) -> SupervisorRefused:
        """The error of a start that must fail."""
        try:
            await self.start(container_id, *argv, **more)
        except SupervisorRefused as refusal:
            return refusal
        raise AssertionError("it was started")

    async def listed(self, container_id: str) -> dict[str, Any]:
        containers = (await self.call("list"))["containers"]
        return next(container for container in containers if container["id"] == container_id)

    async def ended(self, container_id: str) -> dict[str, Any]:
        """Waits until the container has ended."""

        async def look() -> dict[str, Any] | None:
            container = await self.listed(container_id)
            return container if container["phase"] == "Exited" else None

        found = await eventually(look, what=f"{container_id} has ended")
        assert found is not None
        return found

    def log_path(self, container_id: str) -> Path:
        return self.folder / "logs" / f"{container_id}.log"

    def lines(self, container_id: str) -> list[LogLine]:
        """The whole log, over all its files."""
        records = [r for file in log_files(self.log_path(container_id)) for r in file.read_bytes().splitlines()]
        return list(log_lines(records))

    def text(self, container_id: str) -> list[str]:
        return [line.content.decode() for line in self.lines(container_id)]

    def cgroups(self) -> list[Path]:
        """The directories of this supervisor's containers in all hierarchies."""
        return [group for group in Path("/sys/fs/cgroup").glob(f"*/setpoint/{self.base}/workloads/*") if group.is_dir()]


def entries(folder: Path | str) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(entry.name for entry in Path(folder).iterdir())


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
