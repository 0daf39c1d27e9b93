"""The driver for supervised host processes: the runtime port spoken to the node's supervisor.

What runs is known from the supervisor's word, over `supervisor_line`; the verbs are its operations.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from node_agent.runtime.abilities import CommandFiles, Executed, ProcessState, Swept
from node_agent.runtime.accounts import settled
from node_agent.runtime.attachment import ProcessAttachment
from node_agent.runtime.conversing import FOR_EVER_S, held_command
from node_agent.runtime.feed import Feed
from node_agent.runtime.port import (
    PLAIN,
    ContainerSpec,
    ContainerState,
    Fingerprint,
    Limits,
    RuntimeEvent,
    RuntimeSettings,
    RuntimeUnavailable,
    Usage,
)
from node_agent.runtime.process_table import processes_of
from node_agent.runtime.supervisor_line import SupervisorLine
from node_agent.runtime.translation import start_message, state_of
from node_agent.supervisor.client import ANSWERED_WITHIN_S, SupervisorPlace

OUTLIVES_AGENT = "outlives-agent"

_KILLING_MAX_S = 15.0
"""How long the end of a container may take after its grace: longer than the supervisor goes on killing."""

_ASKED_TOGETHER_MAX = 50
"""The figures of so many containers come in one answer, which both sides have in memory as text and as objects."""


class ProcessRuntime:
    """The process driver; see the port for its verbs."""

    port_version = 1

    def __init__(
        self, settings: RuntimeSettings, *, use_cgroups: bool = True, answered_within_s: float = ANSWERED_WITHIN_S
    ) -> None:
        self._place = SupervisorPlace(settings.state_dir / "supervisor", settings.node_name, use_cgroups)
        self._answered_within_s = answered_within_s
        self._feed = Feed()
        self._states: dict[str, ContainerState] = {}
        self._line = SupervisorLine(self._place, answered_within_s, listed=self._relist, changed=self._note)

    async def open(self) -> None:
        """Connects to the supervisor, starting it if need be, and learns what runs."""
        await self._line.open()

    async def close(self) -> None:
        """Lets go; the supervisor and its workloads go on. One that keeps nothing is asked to leave too."""
        await self._line.close(dismiss=not self._states)
        self._feed.close()

    async def shutdown(self, *, grace_s: float) -> None:
        """Stops all containers and the supervisor itself: for a machine that leaves, not for an agent that does."""
        await self._line.rest()
        with contextlib.suppress(RuntimeUnavailable):
            await self._line.call("shutdown", grace_s + _KILLING_MAX_S, stop_containers=True, grace_s=grace_s)
        await self.close()

    async def fingerprint(self) -> Fingerprint:
        """What the supervisor found on this machine."""
        hello = await self._line.call("hello")
        return Fingerprint(
            driver="process",
            version=str(hello["version"]),
            boot_id=str(hello["boot_id"]),
            abilities=frozenset([*hello["abilities"], OUTLIVES_AGENT]),
            missing=dict(hello["missing"]),
        )

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """See the port."""
        security = spec.security
        if security != PLAIN:
            security = await asyncio.to_thread(settled, security)
        return self._note(await self._line.call("start", **start_message(spec, security)))

    async def list(self) -> tuple[ContainerState, ...]:
        """See the port."""
        await self._line.connected()
        return self._listing()

    def _listing(self) -> tuple[ContainerState, ...]:
        return tuple(self._states[container_id] for container_id in sorted(self._states))

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """See the port."""
        return self._feed.subscribe(self._listing)

    async def signal(self, container_id: str, number: int) -> None:
        """See the port."""
        await self._line.call("signal", container=container_id, signal=int(number))

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        """See the port."""
        return self._note(
            await self._line.call("stop", grace_s + _KILLING_MAX_S, container=container_id, grace_s=grace_s)
        )

    async def kill_after(self, container_id: str, grace_s: float) -> None:
        """See the port."""
        await self._line.call("kill_after", container=container_id, grace_s=grace_s)

    async def execute(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        working_dir: Path | None,
        timeout_s: float | None = None,
        output_bytes_max: int = 10 * 1024,
    ) -> Executed:
        """See the port."""
        answer = await self._line.call(
            "execute", FOR_EVER_S if timeout_s is None else timeout_s,
            container=container_id, argv=list(argv), env=dict(env), timeout_s=timeout_s,
            working_dir=None if working_dir is None else os.fspath(working_dir), output_bytes_max=output_bytes_max,
        )  # fmt: skip
        output = answer["output"].encode("utf-8", "surrogateescape")
        return Executed(answer["exit_code"], output, answer["timed_out"])

    async def converse(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        working_dir: Path | None,
        files: CommandFiles,
    ) -> int:
        """See the port. The command is bound to a connection of its own, so that it also ends with this agent."""
        await self._line.connected()
        place = self._place.socket_path
        return await held_command(place, container_id, argv, env=env, working_dir=working_dir, files=files)

    async def attach(self, container_id: str, *, stdin: bool) -> ProcessAttachment:
        """See the port."""
        await self._line.connected()
        place = self._place.socket_path
        return await ProcessAttachment.open(place, container_id, self._answered_within_s, stdin=stdin)

    async def processes(self, container_id: str) -> tuple[ProcessState, ...]:
        """See the port."""
        pids = (await self._line.call("pids", container=container_id))["pids"]
        leader = self._states[container_id].pid if container_id in self._states else None
        return await asyncio.to_thread(processes_of, container_id, leader, pids)

    async def remove(self, container_id: str) -> None:
        """See the port."""
        await self._line.call("remove", _KILLING_MAX_S, container=container_id)
        self._states.pop(container_id, None)
        self._feed.forget(container_id)

    def grant(self, sent_s: float, lease_s: float) -> None:
        """See the port."""
        self._line.grant(sent_s, lease_s)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        """See the port."""
        running = (state.id for state in self._states.values() if state.running)
        wanted = list(running if container_ids is None else container_ids)
        usage: dict[str, Usage] = {}
        for begin in range(0, len(wanted), _ASKED_TOGETHER_MAX):
            portion = wanted[begin : begin + _ASKED_TOGETHER_MAX]
            found = (await self._line.call("stats", containers=portion))["usage"]
            usage |= {container_id: Usage(**figures) for container_id, figures in found.items()}
        return usage

    async def resize(self, container_id: str, limits: Limits) -> ContainerState:
        """See the port."""
        return self._note(await self._line.call("resize", container=container_id, limits=limits._asdict()))

    async def bound(self, level: str, limits: Limits) -> None:
        """See the port."""
        await self._line.call("bound", level=level, limits=limits._asdict())

    async def sweep(self, *, dry_run: bool = False) -> tuple[Swept, ...]:
        """Control groups that a supervisor left behind when it was killed."""
        groups = (await self._line.call("sweep", dry_run=dry_run))["groups"]
        return tuple(Swept(group["id"], tuple(group["pids"]), group["removed"]) for group in groups)

    def _relist(self, containers: Sequence[dict[str, Any]]) -> None:
        """Replaces what is known by what the supervisor lists."""
        self._states = {container["id"]: state_of(container) for container in containers}
        self._feed.relist(self._listing())

    def _note(self, container: dict[str, Any]) -> ContainerState:
        """Keeps what was heard of a container, and tells the iterators if it is news."""
        state = state_of(container)
        known = self._states.get(state.id)
        if known != state and (known is None or known.running):
            self._states[state.id] = state
            self._feed.publish(state)
        return self._states[state.id]
