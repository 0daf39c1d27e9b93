"""The event recorder: tells people what happened, without ever holding up what happens.

Equal events (object, reason, message) are one Event object that counts; its name is derived, so a new leader goes on
counting where its predecessor stopped. Too many different ones of an object and a reason are one, too
(`similar_events`). The first one is written at once, repetitions at most every `REPEAT_S`, all together at most
`RATE_PER_S`. When even that is too slow, events are dropped and counted: they are a courtesy.

*Reads*: the mirror. *Writes*: Events, and nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import NamedTuple

from control_plane.amend import Amender, LiveSnapshot
from control_plane.engine.queue import WorkQueue
from control_plane.engine.similar_events import COMBINED, SimilarEvents, combined
from control_plane.plan import Emit
from control_plane.store.port import StoreError
from proto.clock import Clock, Instant
from proto.ids import Ids, hash64
from proto.objects.core import Event, EventSource, Namespace, ObjectReference
from proto.objects.meta import Object, ObjectMeta, evolve

log = logging.getLogger(__name__)

AGENT = "setpoint-node-agent"
"""The source of what nodes tell; their names stand beside it."""

REPEAT_S = 10.0
RATE_PER_S = 50.0
BURST = 200.0
SERIES_MAX = 2_000
FORGET_S = 1.0
"""How often a full memory is searched for room."""

MESSAGE_CHARACTERS_MAX = 1024
NAME_CHARACTERS_MAX = 253
CLUSTER_NAMESPACE = "default"
"""Where events about objects without a namespace are kept (Kubernetes: the same)."""


class SeriesKey(NamedTuple):
    """Names the Event object of equal events."""

    namespace: str
    name: str


@dataclass(slots=True)
class Series:
    """Equal events: the newest of them, and how many are not written yet."""

    newest: Emit
    first: Instant
    last: Instant
    unwritten: int = 0
    written_s: float = float("-inf")


class EventRecorder:
    """Takes events from the loops and writes them when there is time.

    `component` is told as their source, except of those that come from a node.
    """

    def __init__(self, amender: Amender, mirror: LiveSnapshot, clock: Clock, ids: Ids, *, component: str):
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._component = component
        self._series: dict[SeriesKey, Series] = {}
        self._queue: WorkQueue[SeriesKey] = WorkQueue(clock, backoff_s=1.0)
        self._tokens = BURST
        self._refilled_s = clock.monotonic_s()
        self._forget_again_s = float("-inf")
        self._similar = SimilarEvents()
        self.dropped = 0

    def record(self, emit: Emit) -> None:
        """Note an event; it is written soon, or counted as dropped. Returns at once."""
        if self._similar.is_one_too_many(emit, self._clock.monotonic_s()):
            key, emit = series_key(replace(emit, message=COMBINED)), combined(emit)
        else:
            key = series_key(emit)
        series = self._series.get(key)
        now = self._clock.now()
        if series is None:
            if len(self._series) >= SERIES_MAX and not self._forget_idle():
                self.dropped += 1
                return
            series = self._series[key] = Series(emit, now, now)
        elif not series.unwritten:
            series.first = now
        series.newest, series.last = emit, now
        series.unwritten += 1
        self._queue.add_after(key, series.written_s + REPEAT_S - self._clock.monotonic_s())

    async def run(self) -> None:
        """Write what was noted, for ever."""
        try:
            while True:
                key = await self._queue.get()
                await self._take_token()
                await self._write(key)
                self._queue.done(key)
        finally:
            self._queue.close()

    async def _write(self, key: SeriesKey) -> None:
        series = self._series.get(key)
        if series is None or not series.unwritten or not self._namespace_takes(key.namespace):
            self._series.pop(key, None)
            return
        told = series.unwritten
        try:
            await self._store(key, series)
        except StoreError as error:
            log.debug("event not written event=%s/%s error=%s", *key, error)
            self._queue.retry(key)
            return
        self._queue.succeed(key)
        series.unwritten -= told
        series.written_s = self._clock.monotonic_s()
        if series.unwritten:
            self._queue.add_after(key, REPEAT_S)

    async def _store(self, key: SeriesKey, series: Series) -> None:
        told, last, message = series.unwritten, series.last, _cut(series.newest.message)

        def counted(event: Event) -> Event:
            return evolve(event, count=event.count + told, last_timestamp=last, message=message)

        if await self._amender.amend(Event, *key, counted) is None:
            event = self._event(key, series)
            if await self._amender.create(event) is None:
                await self._amender.amend(Event, *key, counted)

    def _event(self, key: SeriesKey, series: Series) -> Event:
        emit = series.newest
        component = AGENT if emit.node else self._component
        return Event(
            metadata=ObjectMeta(
                namespace=key.namespace, name=key.name, uid=self._ids.uid(), creation_timestamp=series.last
            ),
            involved_object=reference(emit.object),
            reason=emit.reason,
            message=_cut(emit.message),
            type=emit.type,
            count=series.unwritten,
            first_timestamp=series.first,
            last_timestamp=series.last,
            source=EventSource(component=component, host=emit.node),
            reporting_component=component,
            reporting_instance=emit.node,
        )

    def _namespace_takes(self, name: str) -> bool:
        namespace = self._mirror.get(Namespace, "", name)
        return namespace is not None and not namespace.deleting

    def _forget_idle(self) -> bool:
        """Make room: drop the memory of series that may be written again at once anyway; whether there was one."""
        now_s = self._clock.monotonic_s()
        if now_s < self._forget_again_s:
            return False
        self._forget_again_s = now_s + FORGET_S
        horizon_s = now_s - REPEAT_S
        idle = [key for key, series in self._series.items() if not series.unwritten and series.written_s < horizon_s]
        for key in idle:
            del self._series[key]
        return bool(idle)

    async def _take_token(self) -> None:
        """Keep to the rate."""
        now_s = self._clock.monotonic_s()
        self._tokens = min(BURST, self._tokens + (now_s - self._refilled_s) * RATE_PER_S)
        self._refilled_s = now_s
        if self._tokens < 1:
            await self._clock.sleep((1 - self._tokens) / RATE_PER_S)
        self._tokens -= 1


def _cut(message: str) -> str:
    return message[:MESSAGE_CHARACTERS_MAX]


def series_key(emit: Emit) -> SeriesKey:
    """The name of the Event that equal events share: the object's name and a suffix from all that makes them equal."""
    meta = emit.object.metadata
    suffix = f"{hash64(meta.uid, emit.object.kind, emit.type, emit.reason, emit.message):016x}"
    stem = meta.name[: NAME_CHARACTERS_MAX - len(suffix) - 1].rstrip("-.")
    return SeriesKey(meta.namespace or CLUSTER_NAMESPACE, f"{stem}.{suffix}")


def reference(obj: Object) -> ObjectReference:
    """A pointer at an object."""
    meta = obj.metadata
    return ObjectReference(
        api_version=obj.api_version,
        kind=obj.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )
