"""The driver for supervised host processes: the runtime port spoken to the node's supervisor.

It keeps one connection and never gives up: when the supervisor dies it starts another, which adopts what
runs, lists everything anew and tells its iterators. Calls wait for the connection a while, and are repeated
when it breaks under them, since the supervisor's operations are idempotent. A supervisor that does not answer
makes them fail in time: it may be stopped, and will go on where it was.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Iterable, Mapping
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
from node_agent.runtime.translation import failure_of, start_message, state_of
from node_agent.supervisor.client import (
    ANSWERED_WITHIN_S,
    SupervisorClient,
    SupervisorGone,
    SupervisorPlace,
    SupervisorRefused,
    SupervisorSilent,
    ensure_supervisor,
)

logger = logging.getLogger(__name__)

OUTLIVES_AGENT = "outlives-agent"

_CONNECTED_WITHIN_S = 10.0
_KILLING_MAX_S = 15.0
"""How long the end of a container may take after its grace: longer than the supervisor goes on killing."""
_LEAVING_MAX_S = 1.0
_RETRY_FIRST_S = 0.05
_RETRY_LAST_S = 5.0
_REPEATS = 3


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
        self._client: SupervisorClient | None = None
        self._connected = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._granted: dict[str, float] = {}

    async def open(self) -> None:
        """Connects to the supervisor, starting it if need be, and learns what runs."""
        try:
            await self._attach()
        except SupervisorGone as problem:
            raise RuntimeUnavailable(str(problem)) from problem
        self._keeping = asyncio.create_task(self._keep_attached(), name="runtime-process")

    async def close(self) -> None:
        """Lets go; the supervisor and its workloads go on. One that keeps nothing is asked to leave too."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._connected.clear()
        if self._client is not None:
            if not self._states:
                await _dismiss(self._client)
            await self._client.close()
            self._client = None
        self._feed.close()

    async def shutdown(self, *, grace_s: float) -> None:
        """Stops all containers and the supervisor itself: for a machine that leaves, not for an agent that does."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        with contextlib.suppress(RuntimeUnavailable):
            await self._call("shutdown", grace_s + _KILLING_MAX_S, stop_containers=True, grace_s=grace_s)
        await self.close()

    async def fingerprint(self) -> Fingerprint:
        """What the supervisor found on this machine."""
        hello = await self._call("hello")
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
        return self._note(await self._call("start", **start_message(spec, security)))

    async def list(self) -> tuple[ContainerState, ...]:
        """See the port."""
        await self._connection()
        return self._listing()

    def _listing(self) -> tuple[ContainerState, ...]:
        return tuple(self._states[container_id] for container_id in sorted(self._states))

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """See the port."""
        return self._feed.subscribe(self._listing)

    async def signal(self, container_id: str, number: int) -> None:
        """See the port."""
        await self._call("signal", container=container_id, signal=int(number))

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        """See the port."""
        return self._note(await self._call("stop", grace_s + _KILLING_MAX_S, container=container_id, grace_s=grace_s))

    async def kill_after(self, container_id: str, grace_s: float) -> None:
        """See the port."""
        await self._call("kill_after", container=container_id, grace_s=grace_s)

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
        answer = await self._call(
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
        await self._connection()
        place = self._place.socket_path
        return await held_command(place, container_id, argv, env=env, working_dir=working_dir, files=files)

    async def attach(self, container_id: str, *, stdin: bool) -> ProcessAttachment:
        """See the port."""
        await self._connection()
        place = self._place.socket_path
        return await ProcessAttachment.open(place, container_id, self._answered_within_s, stdin=stdin)

    async def processes(self, container_id: str) -> tuple[ProcessState, ...]:
        """See the port."""
        pids = (await self._call("pids", container=container_id))["pids"]
        leader = self._states[container_id].pid if container_id in self._states else None
        return await asyncio.to_thread(processes_of, container_id, leader, pids)

    async def remove(self, container_id: str) -> None:
        """See the port."""
        await self._call("remove", _KILLING_MAX_S, container=container_id)
        self._states.pop(container_id, None)
        self._feed.forget(container_id)

    def grant(self, sent_s: float, lease_s: float) -> None:
        """See the port. The next supervisor is told, too, when there is one."""
        self._granted = {"sent_s": sent_s, "lease_s": lease_s}
        if self._client is not None:
            self._client.tell("grant", **self._granted)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        """See the port."""
        wanted = None if container_ids is None else list(container_ids)
        usage = (await self._call("stats", containers=wanted))["usage"]
        return {container_id: Usage(**figures) for container_id, figures in usage.items()}

    async def resize(self, container_id: str, limits: Limits) -> ContainerState:
        """See the port."""
        return self._note(await self._call("resize", container=container_id, limits=limits._asdict()))

    async def bound(self, level: str, limits: Limits) -> None:
        """See the port."""
        await self._call("bound", level=level, limits=limits._asdict())

    async def sweep(self, *, dry_run: bool = False) -> tuple[Swept, ...]:
        """Control groups that a supervisor left behind when it was killed."""
        groups = (await self._call("sweep", dry_run=dry_run))["groups"]
        return tuple(Swept(group["id"], tuple(group["pids"]), group["removed"]) for group in groups)

    async def _call(self, operation: str, work_s: float = 0.0, /, **parameters: Any) -> dict[str, Any]:
        """Asks the supervisor, again if it died meanwhile. `work_s` is what the operation itself may take.

        Raises:
            RuntimeFailure: As the port says.
        """
        within_s = self._answered_within_s + work_s
        for _ in range(_REPEATS):
            client = await self._connection()
            try:
                return await client.call(operation, within_s=within_s, **parameters)
            except SupervisorRefused as refusal:
                raise failure_of(refusal) from refusal
            except SupervisorSilent as problem:
                raise RuntimeUnavailable(str(problem)) from problem
            except SupervisorGone:
                logger.info("the supervisor went away operation=%s", operation)
                self._connected.clear()
        raise RuntimeUnavailable("the supervisor keeps going away")

    async def _connection(self) -> SupervisorClient:
        """The present connection, waited for if there is none.

        Raises:
            RuntimeUnavailable: None came in time.
        """
        try:
            async with asyncio.timeout(_CONNECTED_WITHIN_S):
                await self._connected.wait()
        except TimeoutError:
            raise RuntimeUnavailable("no connection to the supervisor") from None
        assert self._client is not None
        return self._client

    async def _keep_attached(self) -> None:
        """Notices a lost supervisor and attaches to the next one, for ever."""
        wait_s = _RETRY_FIRST_S
        while True:
            if self._client is not None:
                await self._client.lost.wait()
                self._connected.clear()
                await self._client.close()
                self._client = None
            try:
                await self._attach()
                wait_s = _RETRY_FIRST_S
            except SupervisorGone as problem:
                level = logging.INFO if wait_s == _RETRY_FIRST_S else logging.WARNING
                logger.log(level, "no supervisor, trying again retry_s=%.2f reason=%s", wait_s, problem)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _RETRY_LAST_S)

    async def _attach(self) -> None:
        """Connects, and replaces what is known by what the supervisor lists."""
        client = await ensure_supervisor(self._place)
        client.on_container = self._on_container
        try:
            containers = (await client.call("list", watch=True))["containers"]
        except SupervisorGone:
            await client.close()
            raise
        self._states = {container["id"]: state_of(container) for container in containers}
        self._client = client
        if self._granted:
            client.tell("grant", **self._granted)
        self._connected.set()
        self._feed.relist(self._listing())

    def _on_container(self, container: dict[str, Any]) -> None:
        self._note(container)

    def _note(self, container: dict[str, Any]) -> ContainerState:
        """Keeps what was heard of a container, and tells the iterators if it is news."""
        state = state_of(container)
        known = self._states.get(state.id)
        if known != state and (known is None or known.running):
            self._states[state.id] = state
            self._feed.publish(state)
        return self._states[state.id]


async def _dismiss(client: SupervisorClient) -> None:
    """Asks an idle supervisor to leave and sees it off; what it might have started meanwhile would go on."""
    with contextlib.suppress(SupervisorGone, SupervisorRefused, TimeoutError):
        await client.call("shutdown", within_s=_LEAVING_MAX_S)
        async with asyncio.timeout(_LEAVING_MAX_S):
            await client.lost.wait()
