"""The line from the process driver to its supervisor: one connection that never gives up.

When the supervisor dies another is started, which adopts what runs, and everything is listed anew. Calls wait for the
connection a while, and are repeated when it breaks under them, since the supervisor's operations are idempotent. A
supervisor that does not answer makes them fail in time: it may be stopped, and will go on where it was.

Never: knows what a container is.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from node_agent.runtime.port import RuntimeUnavailable
from node_agent.runtime.translation import failure_of
from node_agent.supervisor.client import (
    SupervisorClient,
    SupervisorGone,
    SupervisorPlace,
    SupervisorRefused,
    SupervisorSilent,
    ensure_supervisor,
)

logger = logging.getLogger(__name__)

Told = dict[str, Any]
"""What a supervisor tells of one container."""

_CONNECTED_WITHIN_S = 10.0
_LEAVING_MAX_S = 1.0
_RETRY_FIRST_S = 0.05
_RETRY_LAST_S = 5.0
_REPEATS = 3


class SupervisorLine:
    """`listed` is called with all containers at each new connection, `changed` with each that became another."""

    def __init__(
        self,
        place: SupervisorPlace,
        answered_within_s: float,
        *,
        listed: Callable[[list[Told]], None],
        changed: Callable[[Told], object],
    ) -> None:
        self._place = place
        self._answered_within_s = answered_within_s
        self._listed = listed
        self._changed = changed
        self._client: SupervisorClient | None = None
        self._connected = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._granted: dict[str, float] = {}

    async def open(self) -> None:
        """Connects to the supervisor, starting it if need be, and keeps connected from then on.

        Raises:
            RuntimeUnavailable: There is none, and none can be started.
        """
        try:
            await self._attach()
        except SupervisorGone as problem:
            raise RuntimeUnavailable(str(problem)) from problem
        self._keeping = asyncio.create_task(self._keep_attached(), name="runtime-process")

    async def rest(self) -> None:
        """Starts no other supervisor any more, if this one leaves."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def close(self, *, dismiss: bool) -> None:
        """Lets go. `dismiss`: the supervisor keeps nothing, so it is asked to leave, too."""
        await self.rest()
        self._connected.clear()
        if self._client is not None:
            if dismiss:
                await _dismiss(self._client)
            await self._client.close()
            self._client = None

    def grant(self, sent_s: float, lease_s: float) -> None:
        """Tells of a grant at once; the next supervisor is told, too, when there is one."""
        self._granted = {"sent_s": sent_s, "lease_s": lease_s}
        if self._client is not None:
            self._client.tell("grant", **self._granted)

    async def call(self, operation: str, work_s: float = 0.0, /, **parameters: Any) -> dict[str, Any]:
        """Asks the supervisor, again if it died meanwhile. `work_s` is what the operation itself may take.

        Raises:
            RuntimeFailure: As the port says.
        """
        within_s = self._answered_within_s + work_s
        for _ in range(_REPEATS):
            client = await self.connected()
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

    async def connected(self) -> SupervisorClient:
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
        client.on_container = self._changed
        try:
            containers = (await client.call("list", watch=True))["containers"]
        except SupervisorGone:
            await client.close()
            raise
        self._client = client
        if self._granted:
            client.tell("grant", **self._granted)
        self._connected.set()
        self._listed(containers)


async def _dismiss(client: SupervisorClient) -> None:
    """Asks an idle supervisor to leave and sees it off; what it might have started meanwhile would go on."""
    with contextlib.suppress(SupervisorGone, SupervisorRefused, TimeoutError):
        await client.call("shutdown", within_s=_LEAVING_MAX_S)
        async with asyncio.timeout(_LEAVING_MAX_S):
            await client.lost.wait()
