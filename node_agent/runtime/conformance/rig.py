"""One machine with one driver, and an agent of it that can be restarted: the stage of all suites."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest_asyncio

from node_agent.runtime.logs import LogLine, log_files, log_lines
from node_agent.runtime.port import (
    NO_LIMITS,
    ContainerSpec,
    ContainerState,
    Fence,
    Limits,
    LogPolicy,
    Runtime,
    RuntimeFactory,
    RuntimeSettings,
)

T = TypeVar("T")

PATH = "/usr/local/bin:/usr/bin:/bin"
_WITHIN_S = 15.0
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands that play the parts of the suites on the driver's machine."""

    runs: tuple[str, ...]
    """Runs until it is told to end, and then dies of the signal."""
    exits: tuple[str, ...]
    """Ends by itself soon, with exit code 3."""
    succeeds: tuple[str, ...]
    """Ends by itself soon, with exit code 0."""
    stubborn: tuple[str, ...]
    """Ignores SIGTERM, and prints a line as soon as it does."""
    missing: tuple[str, ...]
    """Cannot be started, since there is no such file."""
    prints: bool = True
    """Whether they print at all: those of the fake driver do not."""


HOST_PROGRAMS = Programs(
    runs=("sleep", "100"),
    exits=("sh", "-c", "sleep 0.05; exit 3"),
    succeeds=("sleep", "0.05"),
    stubborn=("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"),
    missing=("/no/such/program",),
)
"""Any Linux with a shell."""


def boot_time_s() -> float:
    """The clock that grants are told in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Rig:
    """What differs between drivers, and the words that the suites need.

    `build` makes the driver of the machine whose state lies in the folder that the settings name; it is called again
    for each restart of the agent. `now_s` is the clock of grants.
    """

    folder: Path
    build: RuntimeFactory | Callable[[RuntimeSettings], Runtime]
    programs: Programs = HOST_PROGRAMS
    env: Mapping[str, str] = field(default_factory=lambda: {"PATH": PATH})
    now_s: Callable[[], float] = boot_time_s
    runtime: Runtime = field(init=False)

    async def open(self) -> None:
        """The agent begins."""
        self.runtime = self.build(RuntimeSettings("conformance", self.folder / "state"))
        await self.runtime.open()

    async def restart_agent(self) -> None:
        """The agent ends and begins again; what runs goes on."""
        await self.runtime.close()
        await self.open()

    async def close(self) -> None:
        """Leave nothing behind."""
        await asyncio.gather(*(self.runtime.remove(state.id) for state in await self.runtime.list()))
        await self.runtime.close()

    async def start(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str] | None = None,
        working_dir: Path | None = None,
        limits: Limits = NO_LIMITS,
        fence: Fence | None = None,
        log: LogPolicy | None = None,
        stop_signal: int = signal.SIGTERM,
        stdin: bool = False,
        stdin_once: bool = False,
        tty: bool = False,
        **annotations: str,
    ) -> ContainerState:
        """Starts a program as a container of that id."""
        return await self.runtime.start(
            ContainerSpec(
                id=container_id,
                argv=argv,
                log=log or LogPolicy(self.log_path(container_id)),
                env=self.env if env is None else env,
                working_dir=working_dir,
                limits=limits,
                annotations=annotations,
                fence=fence,
                stop_signal=stop_signal,
                stdin=stdin,
                stdin_once=stdin_once,
                tty=tty,
            )
        )

    async def start_shell(self, container_id: str, script: str, **options: object) -> ContainerState:
        """Starts a shell script; `options` are those of `start`."""
        return await self.start(container_id, ("sh", "-c", script), **options)  # type: ignore[arg-type]

    async def started_stubborn(self, container_id: str) -> ContainerState:
        """Starts the stubborn program and waits until it is."""
        state = await self.start(container_id, self.programs.stubborn)
        if self.programs.prints:
            await self.until(lambda: self.lines(container_id), "the stubborn program has printed")
        return state

    async def state(self, container_id: str) -> ContainerState:
        """What the driver lists of a container."""
        found = [state for state in await self.runtime.list() if state.id == container_id]
        assert len(found) == 1, f"{container_id} is listed {len(found)} times"
        return found[0]

    async def ended(self, container_id: str) -> ContainerState:
        """Its last state, once it has ended."""

        async def look() -> ContainerState | None:
            state = await self.state(container_id)
            return None if state.running else state

        return await self.until(look, f"{container_id} has ended")

    def log_path(self, container_id: str) -> Path:
        """Where its output goes."""
        return self.folder / "logs" / container_id

    def lines(self, container_id: str) -> list[LogLine]:
        """What it has printed, as far as it is kept."""
        records = [file.read_bytes().splitlines() for file in log_files(self.log_path(container_id))]
        return list(log_lines(record for part in records for record in part))

    async def until(self, check: Callable[[], T | Awaitable[T | None] | None], what: str) -> T:
        """The first true value of `check`.

        Raises:
            AssertionError: there is none in time.
        """
        deadline_s = time.monotonic() + _WITHIN_S
        while True:
            outcome = check()
            value = await outcome if isinstance(outcome, Awaitable) else outcome
            if value:
                return value
            assert time.monotonic() < deadline_s, f"not within {_WITHIN_S:.0f} s: {what}"
            await asyncio.sleep(_LOOK_EVERY_S)


class RuntimeSuite:
    """What the suites share: the rig that a driver's own test class makes."""

    def make_rig(self, folder: Path) -> Rig:
        """The stage for one test, in a folder of its own.

        Raises:
            NotImplementedError: the driver's test class does not say.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement make_rig(folder) -> Rig")

    @pytest_asyncio.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
        """An agent that has just begun on an empty machine."""
        rig = self.make_rig(tmp_path)
        await rig.open()
        yield rig
        await rig.close()
