"""A driver as a third party would ship it: host processes, each with a scratch directory of its own as `TMPDIR`.

It stands on the process driver and adds what it is for; `pyproject.toml` beside it would name it in the entry point
group `setpoint.runtimes`.
"""

import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from node_agent.runtime.port import (
    ContainerSpec,
    ContainerState,
    Fingerprint,
    RuntimeEvent,
    RuntimeSettings,
    Usage,
    valid_container_id,
)
from node_agent.runtime.process import ProcessRuntime


class ScratchRuntime:
    """The process driver, and a scratch directory for each container, which goes when the container is forgotten."""

    port_version = 1

    def __init__(self, settings: RuntimeSettings) -> None:
        self._processes = ProcessRuntime(settings)
        self._scratch = settings.state_dir / "scratch"

    async def open(self) -> None:
        self._scratch.mkdir(parents=True, exist_ok=True)
        await self._processes.open()

    async def close(self) -> None:
        await self._processes.close()

    async def fingerprint(self) -> Fingerprint:
        below = await self._processes.fingerprint()
        return replace(below, driver="scratch", version="0.1", abilities=below.abilities | {"scratch"})

    async def start(self, spec: ContainerSpec) -> ContainerState:
        if not valid_container_id(spec.id):
            return await self._processes.start(spec)
        place = self._place(spec.id)
        place.mkdir(exist_ok=True)
        return await self._processes.start(replace(spec, env={**spec.env, "TMPDIR": str(place)}))

    async def list(self) -> tuple[ContainerState, ...]:
        return await self._processes.list()

    def events(self) -> AsyncIterator[RuntimeEvent]:
        return self._processes.events()

    async def signal(self, container_id: str, number: int) -> None:
        await self._processes.signal(container_id, number)

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        return await self._processes.stop(container_id, grace_s)

    async def remove(self, container_id: str) -> None:
        await self._processes.remove(container_id)
        shutil.rmtree(self._place(container_id), ignore_errors=True)

    def grant(self, sent_s: float, lease_s: float) -> None:
        self._processes.grant(sent_s, lease_s)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        return await self._processes.stats(container_ids)

    def _place(self, container_id: str) -> Path:
        return self._scratch / container_id


class YesterdaysRuntime(ScratchRuntime):
    """One that was written for a version of the port that never was."""

    port_version = 0


class UnbuiltRuntime(ScratchRuntime):
    """One that does more than it should while it is built."""

    def __init__(self, settings: RuntimeSettings) -> None:
        raise PermissionError(13, "Permission denied", "/run/scratch.sock")


class HollowRuntime:
    """One that has no verbs but two."""

    port_version = 1

    def __init__(self, settings: RuntimeSettings) -> None:
        """Nothing is kept."""

    async def open(self) -> None:
        """Nothing is made ready."""

    async def close(self) -> None:
        """Nothing is let go."""
