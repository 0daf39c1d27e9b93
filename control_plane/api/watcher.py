"""One watch: from the mirror's events to numbered messages on the watcher's reply subject.

A watcher sees objects through its selectors: one that begins to match is ADDED for it, one that ceases to match is
DELETED, whatever happened to the object itself. What was there at the beginning, or happened since the asked-for
revision, is sent first; what happens meanwhile waits in a bounded queue.

*Reads*: events. *Writes*: messages to one subject. *Never*: holds up the mirror or another watcher.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from control_plane.api.options import WatchOptions
from control_plane.api.reading import chosen
from control_plane.api.reply import FRAME_BYTES, encode_item
from control_plane.api.request import MSGPACK, Request
from control_plane.store.mirror import MirrorEvent
from proto import codec
from proto.bus.port import Bus, Disconnected
from proto.clock import Clock
from proto.errors import ApiError, Expired, RequestTooLarge
from proto.objects.meta import Object, evolve

WAITING_MAX = 10_000
"""Events that may wait for a watcher that does not keep up; one more ends the watch."""

BOOKMARK_S = 1.0
IN_A_ROW_MAX = 64


@dataclass(slots=True)
class SharedEvent:
    """An event with its encoded forms, so that a hundred watchers cost one encoding."""

    event: MirrorEvent
    forms: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def encoded(self, told: str, accept: str) -> bytes:
        """The message for watchers who are told it as `told`."""
        key = (told, accept)
        if key not in self.forms:
            self.forms[key] = encode_event(told, self._shown(told), accept)
        return self.forms[key]

    def _shown(self, told: str) -> Object:
        """The state to show; for an object that ceased to match, the last one that did."""
        event = self.event
        if told == "DELETED" and event.type != "DELETED" and event.old is not None:
            return evolve(event.old, **{"metadata.resource_version": str(event.revision)})
        return event.object


def encode_event(type: str, obj: Object, accept: str) -> bytes:
    """`{"type": …, "object": …}`."""
    if accept == MSGPACK:
        return codec.pack_raw({"type": type, "object": codec.to_dict(obj)})
    return b'{"type":"' + type.encode() + b'","object":' + encode_item(obj, accept) + b"}"


class Watcher:
    """One watch that is being served."""

    def __init__(self, bus: Bus, clock: Clock, request: Request, options: WatchOptions, reply: str, probe: str):
        self.request = request
        self._bus = bus
        self._clock = clock
        self._options = options
        self._reply = reply
        self._probe = probe
        self._sent = 0
        self._waiting: deque[tuple[str, SharedEvent]] = deque()
        self._wake = asyncio.Event()
        self._ending: ApiError | None = None
        self._over = False

    def offer(self, shared: SharedEvent) -> None:
        """Take in an event of the watched kind, if it concerns this watcher. Returns at once."""
        told = self._told_as(shared.event)
        if told is None or self._over:
            return
        if len(self._waiting) >= WAITING_MAX:
            self.end(Expired("the watcher is too slow, events were dropped: list again and watch from there"))
            return
        self._waiting.append((told, shared))
        self._wake.set()

    def end(self, error: ApiError | None = None) -> None:
        """End the watch: with an error that is told as an event, or, without one, politely."""
        self._waiting.clear()
        self._ending = self._ending or error
        self._over = True
        self._wake.set()

    def gone(self) -> None:
        """Nobody listens any more: stop without a word."""
        self._reply = ""
        self.end()

    async def run(self, first: Iterable[tuple[str, SharedEvent]], timeout_s: float, revision: Any) -> None:
        """Send `first`, then what is offered, until the end. `revision()` is the mirror's, for bookmarks."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        try:
            for count, (told, shared) in enumerate(first, 1):
                await self._send_event(told, shared)
                if count % IN_A_ROW_MAX == 0:
                    await asyncio.sleep(0)
                if self._over:
                    break
            while not self._over:
                await self._send_waiting()
                await self._idle(deadline_s, revision)
            await self._say_goodbye()
        except Disconnected:
            # The watcher's own connection may be fine: it will notice the silence and ask another replica.
            self._over = True

    def since(self, events: Iterable[MirrorEvent]) -> Iterator[tuple[str, SharedEvent]]:
        """Past events as this watcher is told them."""
        for event in events:
            told = self._told_as(event)
            if told is not None:
                yield told, SharedEvent(event)

    def _told_as(self, event: MirrorEvent) -> str | None:
        """How the change looks through the selectors; None if it does not show."""
        request = self.request
        if request.namespace and event.object.metadata.namespace != request.namespace:
            return None
        if request.name and event.object.metadata.name != request.name:
            return None
        was = event.old is not None and chosen(self._options.selection, event.old)
        if event.new is not None and chosen(self._options.selection, event.new):
            return "MODIFIED" if was else "ADDED"
        return "DELETED" if was else None

    async def _send_waiting(self) -> None:
        for count in range(1, len(self._waiting) + 1):
            if not self._waiting:
                return
            await self._send_event(*self._waiting.popleft())
            if count % IN_A_ROW_MAX == 0:
                await asyncio.sleep(0)

    async def _idle(self, deadline_s: float, revision: Any) -> None:
        """Wait for the next event, but no longer than to the next bookmark or the end."""
        if self._waiting or self._over:
            return
        self._wake.clear()
        left_s = deadline_s - self._clock.monotonic_s()
        if left_s <= 0:
            self.end()
            return
        try:
            async with asyncio.timeout(min(left_s, BOOKMARK_S) if self._options.bookmarks else left_s):
                await self._wake.wait()
        except TimeoutError:
            if self._options.bookmarks and not self._waiting:
                await self._send(self._bookmark(revision()))

    async def _send_event(self, told: str, shared: SharedEvent) -> None:
        data = shared.encoded(told, self.request.accept)
        if len(data) + FRAME_BYTES > self._bus.max_payload_bytes:
            self.end(RequestTooLarge("an event is larger than a message of the bus may be: watch with msgpack"))
            return
        await self._send(data)

    async def _send(self, data: bytes, headers: dict[str, str] | None = None) -> None:
        """One numbered message; its own reply subject brings the news if nobody listens any more."""
        if not self._reply:
            return
        self._sent += 1
        await self._bus.publish(
            self._reply, data, reply=self._probe, headers={"Sp-Seq": str(self._sent), **(headers or {})}
        )

    async def _say_goodbye(self) -> None:
        if self._ending is None:
            await self._send(b"", {"Sp-End": "1"})
            return
        event = {"type": "ERROR", "object": self._ending.to_status()}
        await self._send(codec.pack_raw(event) if self.request.accept == MSGPACK else codec.dump_json(event))

    def _bookmark(self, revision: int) -> bytes:
        kind = self.request.kind
        obj = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {"resourceVersion": str(revision)}}
        event = {"type": "BOOKMARK", "object": obj}
        return codec.pack_raw(event) if self.request.accept == MSGPACK else codec.dump_json(event)
