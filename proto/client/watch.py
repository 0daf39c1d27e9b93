"""A watch that survives breaks.

The server numbers the messages of a watch and sends a bookmark every second, so the client notices a lost message
(a gap in the numbers) and a lost server (silence), and goes on from the last revision it saw, at any replica. A
revision that is no longer held ends the watch with `Expired`: list again. Nothing is told twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from proto import errors, subjects
from proto.bus.port import Bus, BusError, Message
from proto.catalog import Kind
from proto.client.raw import from_bus_error

SILENCE_S_MAX = 2.0
"""Bookmarks come every second; after two without one the server is taken for lost. To resume costs little."""

RETRY_S = 0.25

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class RawWatchEvent:
    """One change: its type and the object as a dict (for a BOOKMARK only its resourceVersion)."""

    type: EventType
    object: dict[str, Any]

    @property
    def revision(self) -> str:
        """The object's resourceVersion."""
        return str(self.object.get("metadata", {}).get("resourceVersion", ""))


class _Interrupted(Exception):
    """This session of the watch is over; go on with another."""


async def watch_raw(
    bus: Bus,
    kind: Kind,
    namespace: str = "",
    *,
    revision: str = "",
    label_selector: str = "",
    field_selector: str = "",
    bookmarks: bool = False,
) -> AsyncIterator[RawWatchEvent]:
    """Changes from behind `revision` on ("" begins with everything there is, as ADDED); never ends by itself.

    Raises:
        errors.Expired: the revision is no longer held.
        errors.ApiError: the request was refused.
    """
    options: dict[str, Any] = {"allowWatchBookmarks": True}
    if label_selector:
        options["labelSelector"] = label_selector
    if field_selector:
        options["fieldSelector"] = field_selector
    while True:
        if revision:
            options["resourceVersion"] = revision
        try:
            async for event in _session(bus, subjects.api("watch", kind, namespace), options):
                revision = event.revision or revision
                if bookmarks or event.type != "BOOKMARK":
                    yield event
        except (_Interrupted, errors.Unavailable, errors.Timeout):
            await asyncio.sleep(RETRY_S)


async def _session(bus: Bus, subject: str, options: dict[str, Any]) -> AsyncIterator[RawWatchEvent]:
    inbox = bus.inbox()
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    subscription = await bus.subscribe(inbox, arrived.put_nowait)
    expected = 1
    try:
        try:
            await bus.publish(subject, json.dumps(options).encode(), reply=inbox)
        except BusError as error:
            raise from_bus_error(error) from None
        while True:
            try:
                async with asyncio.timeout(SILENCE_S_MAX):  # wait_for of Python 3.11 may lose a cancellation.
                    message = await arrived.get()
            except TimeoutError:
                raise _Interrupted from None
            if message.headers.get("Status") == "503" or message.headers.get("Sp-End"):
                raise _Interrupted
            number = int(message.headers.get("Sp-Seq", "0"))
            if number and number != expected:
                raise _Interrupted
            expected += 1
            yield _read_event(message)
    finally:
        await subscription.unsubscribe()


def _read_event(message: Message) -> RawWatchEvent:
    body = json.loads(message.data)
    if body.get("kind") == "Status":
        raise errors.from_status(body)
    if body["type"] == "ERROR":
        raise errors.from_status(body["object"])
    return RawWatchEvent(cast("EventType", body["type"]), body["object"])
