"""One pod leaves: its budget is asked, again as long as it refuses, and the pod is seen gone.

*Writes*: evictions, or deletions where budgets are not to be asked; a line for each step. *Never*: ends another pod
than the one that was chosen, if that is gone and one of its name is there.

Source: kubectl `pkg/drain/drain.go` (evictPods, deletePods).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.errors import ApiError, Conflict, NotFound, Timeout, TooManyRequests, Unavailable
from setpoint.cli.draining.choosing import Item, PodName, name_of
from setpoint.cli.draining.departures import Departures
from setpoint.cli.dry_run import NOTES

RETRY_S = 5.0
"""A refused eviction is tried again when a budget has changed, and after this time at the latest."""

AT_ONCE_MAX = 32


class NotLeft(Exception):
    """A pod did not leave; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How pods are made to leave. `grace_s` -1: as each pod says; `timeout_s` 0: no limit."""

    evict: bool = True
    grace_s: int = -1
    timeout_s: float = 0
    dry_run: str = "none"

    @property
    def note(self) -> str:
        """What lines end with, where nothing is really done."""
        return NOTES[self.dry_run]


async def all_leave(client: RawClient, departures: Departures, pods: Iterable[Item], manner: Manner) -> list[str]:
    """Let all of them leave; what went wrong, a line for each pod that is still there."""
    room = asyncio.Semaphore(AT_ONCE_MAX)
    departing = [_Departing(client, departures, pod, manner, room) for pod in pods]
    outcomes = await asyncio.gather(*(one.leave() for one in departing), return_exceptions=True)
    problems = []
    for outcome in outcomes:
        if isinstance(outcome, NotLeft):
            problems.append(str(outcome))
        elif isinstance(outcome, BaseException):
            raise outcome
    return problems


class _Departing:
    """One pod on its way."""

    def __init__(self, client: RawClient, departures: Departures, pod: Item, manner: Manner, room: asyncio.Semaphore):
        self._client = client
        self._departures = departures
        self._name: PodName = name_of(pod)
        self._uid: str = pod["metadata"]["uid"]
        self._manner = manner
        self._room = room
        self._told_s = float("-inf")

    async def leave(self) -> None:
        """Make it go, and wait until it has.

        Raises:
            NotLeft: it has not.
        """
        namespace, name = self._name
        doing = "evicting" if self._manner.evict else "deleting"
        print(f"{doing} pod {self._name}{self._manner.note}", flush=True)
        if self._manner.dry_run == "client":
            return
        step = f'error when {doing} pods/"{name}" -n "{namespace}"'
        try:
            async with asyncio.timeout(self._manner.timeout_s or None):
                await self._ask(step)
                if self._manner.dry_run == "server":
                    return
                step = f'error when waiting for pod "{name}" in namespace "{namespace}" to terminate'
                await self._departures.gone(self._uid)
        except TimeoutError:
            raise NotLeft(f"{step}: global timeout reached: {self._manner.timeout_s:g}s") from None
        except ApiError as error:
            raise NotLeft(f"{step}: {error.message}") from None
        print(f"pod/{name} {'evicted' if self._manner.evict else 'deleted'}", flush=True)

    async def _ask(self, step: str) -> None:
        """Ask until it may go.

        Raises:
            ApiError: it may not, and asking again would not help; or a dry run is told that it may not now.
        """
        while True:
            try:
                async with self._room:
                    await self._request()
                return
            except NotFound:
                return
            except Conflict as conflict:
                if "Precondition failed: UID" in conflict.message:
                    return
                self._tell(step, conflict)
                await asyncio.sleep(RETRY_S / 10)
            except (TooManyRequests, Unavailable, Timeout) as refusal:
                if self._manner.dry_run == "server":
                    raise
                self._tell(step, refusal)
                await self._departures.budget_changed(RETRY_S)

    async def _request(self) -> None:
        kind, (namespace, name) = BY_KIND["Pod"], self._name
        options: dict[str, Any] = {"preconditions": {"uid": self._uid}}
        if self._manner.grace_s >= 0:
            options["gracePeriodSeconds"] = self._manner.grace_s
        if self._manner.dry_run == "server":
            options["dryRun"] = ["All"]
        if self._manner.evict:
            body = {"metadata": {"name": name, "namespace": namespace}, "deleteOptions": options}
            await self._client.call("create", kind, namespace, name, subresource="eviction", body=body)
        else:
            await self._client.call("delete", kind, namespace, name, body=options)

    def _tell(self, step: str, refusal: ApiError) -> None:
        """Say that it is tried again, no more often than kubectl would."""
        now_s = time.monotonic()
        if now_s - self._told_s < RETRY_S:
            return
        self._told_s = now_s
        causes = "".join(f" {cause.message}" for cause in refusal.causes)
        print(f"{step} (will retry after {RETRY_S:g}s): {refusal.message}{causes}", file=sys.stderr, flush=True)
