"""Tells the hub what became of the pods, until it has written it.

The newest report of each pod waits here; whatever arrives while a message is under way goes with the next one, so a
burst of changes costs few messages. A report stays until the hub names its uid as accepted; if the pod changed in the
meantime, the newer report goes out afterwards.

Writes: `up.status`. Never: decides what a pod's status is.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable

from proto import codec, subjects
from proto.bus.port import Bus, BusError
from proto.clock import Clock
from proto.ids import Ids
from proto.node import PodEvent, PodReport, StatusReply, StatusReport

log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long the first change waits for company."""

REPLY_TIMEOUT_S = 5.0
RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
EVENTS_MAX = 1000
"""Events that wait; older ones are dropped when there are more."""

PODS_PER_MESSAGE = 50
"""Few, since a message is in memory thrice while it is written: as models, as dicts and as bytes."""

_PAYLOAD_SHARE = 0.8
"""How much of the largest message a report may fill."""


class Reporting:
    """The pods whose status the hub does not know yet.

    `registration_lost` is called when the hub does not know this agent (any more).
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        node: str,
        incarnation: str,
        *,
        registration_lost: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self._subject = subjects.node_up(node, "status")
        self._incarnation = incarnation
        self._registration_lost = registration_lost
        self._dirty: dict[str, PodReport] = {}
        self._events: deque[PodEvent] = deque(maxlen=EVENTS_MAX)
        self._wake = asyncio.Event()
        self._registered = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many pods' reports are not accepted yet."""
        return len(self._dirty)

    def report(self, report: PodReport, events: Iterable[PodEvent] = ()) -> None:
        """This is what there is to know of a pod now."""
        self._dirty[report.uid] = report
        self._events.extend(events)
        self._wake.set()

    def tell(self, event: PodEvent) -> None:
        """Something happened that is no change of status."""
        self._events.append(event)
        self._wake.set()

    def forget(self, uid: str) -> None:
        """The hub does not want to know of this pod any more."""
        self._dirty.pop(uid, None)

    def open(self) -> None:
        """The hub knows this agent: reports may go out."""
        self._registered.set()

    def hold(self) -> None:
        """The hub does not know this agent: reports wait."""
        self._registered.clear()

    async def run(self) -> None:
        """Send what there is until cancelled."""
        delay_s = 0.0
        while True:
            await self._wake.wait()
            await self._registered.wait()
            await self._clock.sleep(delay_s * self._ids.uniform(0.75, 1.25) if delay_s else GATHER_S)
            accepted = await self._send()
            delay_s = 0.0 if accepted else min(max(delay_s * 2, RETRY_FIRST_S), RETRY_MAX_S)

    async def _send(self) -> bool:
        """Send one message; whether all that was in it was accepted."""
        self._wake.clear()
        pods, events = tuple(self._dirty.values())[:PODS_PER_MESSAGE], tuple(self._events)[:EVENTS_MAX]
        if not pods and not events:
            return True
        pods, data = self._pack(pods, events)
        try:
            answer = await self._bus.request(self._subject, data, timeout_s=REPLY_TIMEOUT_S)
            reply = codec.unpack(answer.data, StatusReply)
        except (BusError, ValueError) as problem:
            log.info("report_failed node_reports=%d problem=%s", len(pods), problem)
            self._wake.set()
            return False
        return self._take(reply, pods, events)

    def _pack(self, pods: tuple[PodReport, ...], events: tuple[PodEvent, ...]) -> tuple[tuple[PodReport, ...], bytes]:
        """The message, with as many pods as it can hold."""
        while True:
            data = codec.pack(StatusReport(incarnation=self._incarnation, pods=pods, events=events))
            if len(data) <= self._bus.max_payload_bytes * _PAYLOAD_SHARE or len(pods) <= 1:
                return pods, data
            pods = pods[: len(pods) // 2]

    def _take(self, reply: StatusReply, pods: tuple[PodReport, ...], events: tuple[PodEvent, ...]) -> bool:
        """Let go of what was accepted; whether that was everything."""
        if reply.verdict != "granted":
            self._wake.set()
            self.hold()
            self._registration_lost()
            return False
        for _ in events:
            self._events.popleft()
        accepted = frozenset(reply.accepted)
        for report in pods:
            if report.uid in accepted:
                self._settle(report)
        if self._dirty or self._events:
            self._wake.set()
        return all(report.uid in accepted for report in pods)

    def _settle(self, report: PodReport) -> None:
        """The hub wrote this report; a newer one of the same pod stays."""
        if self._dirty.get(report.uid) is report:
            del self._dirty[report.uid]
