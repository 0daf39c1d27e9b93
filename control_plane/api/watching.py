"""watch: all watchers of this replica, and the events that go to each.

A watch begins with everything there is (no resourceVersion, or "0"), or behind a revision, whose events the mirror
still holds; an older one is answered with an ERROR event that says Expired. Between reading the beginning and taking
part in the feed nothing is awaited, so no event falls between the two.

Whether a watcher is still there is known from the server of the bus: every message carries a probe subject of ours as
its reply subject, and a 503 comes back on it when nobody listens.

*Reads*: the mirror and its events. *Writes*: messages to watchers.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable

from control_plane.api.options import WatchOptions, read_watch_options
from control_plane.api.reading import Reader, catch_up
from control_plane.api.request import JSON, TABLE, Request
from control_plane.api.watcher import SharedEvent, Watcher
from control_plane.store.mirror import Mirror, MirrorEvent
from proto.bus.port import Bus, Message, Subscription
from proto.clock import Clock
from proto.errors import Expired, TooManyRequests

WATCHERS_MAX = 5_000
TIMEOUT_S_MAX = 3600.0
"""A watch without `timeoutSeconds` ends after this long; who asked for bookmarks begins it again from there."""


class Watching:
    """Answers watch."""

    def __init__(self, bus: Bus, mirror: Mirror, reader: Reader, clock: Clock):
        self._bus = bus
        self._mirror = mirror
        self._reader = reader
        self._clock = clock
        self._watchers: dict[str, dict[str, Watcher]] = defaultdict(dict)
        self._numbers = itertools.count(1)
        self._newest = 0
        self._probe = ""
        self._probes: Subscription | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Listen to the mirror, and for the news that a watcher is gone."""
        self._probe = self._bus.inbox()
        self._probes = await self._bus.subscribe(f"{self._probe}.*", self._on_probe)
        self._unsubscribe = self._mirror.subscribe(self._on_event)

    async def stop(self) -> None:
        """End all watches politely; their watchers go on at another replica."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        for watcher in self._all():
            watcher.end()
        if self._probes is not None:
            await self._probes.unsubscribe()
            self._probes = None

    async def watch(self, request: Request, reply: str) -> None:
        """Serve one watch until it ends.

        Raises:
            BadRequest | TooManyRequests | Unavailable | Timeout: it cannot begin.
        """
        options = read_watch_options(request.options, request.kind)
        if sum(map(len, self._watchers.values())) >= WATCHERS_MAX:
            raise TooManyRequests(f"this control plane serves {WATCHERS_MAX} watches already, try again later")
        await catch_up(self._mirror, options.revision)
        if request.accept == TABLE:
            request = dataclasses.replace(request, accept=JSON)
        number = str(next(self._numbers))
        watcher = Watcher(self._bus, self._clock, request, options, reply, f"{self._probe}.{number}")
        first = self._beginning(watcher, request, options)
        watchers = self._watchers[request.kind.kind]
        watchers[number] = watcher
        timeout_s = min(options.timeout_s or TIMEOUT_S_MAX, TIMEOUT_S_MAX)
        try:
            await watcher.run(first, timeout_s, lambda: self._mirror.revision)
        finally:
            del watchers[number]

    def _beginning(self, watcher: Watcher, request: Request, options: WatchOptions) -> list[tuple[str, SharedEvent]]:
        """What is sent first."""
        if options.revision:
            try:
                return list(watcher.since(self._mirror.events_since(options.revision, request.kind)))
            except Expired as error:
                watcher.end(error)
                return []
        there = self._reader.select(request.kind, request.namespace, options.selection)
        return [
            ("ADDED", SharedEvent(MirrorEvent("ADDED", request.kind, None, obj, obj, obj.metadata.revision)))
            for obj in there
            if not request.name or obj.metadata.name == request.name
        ]

    def _on_event(self, event: MirrorEvent) -> None:
        if event.revision < self._newest - 1:
            # The store's stream was replaced and revisions began anew: what watchers hold means nothing any more.
            for watcher in self._all():
                watcher.end(Expired("the store began anew: list again and watch from there"))
        self._newest = event.revision
        watchers = self._watchers.get(event.kind.kind)
        if watchers:
            shared = SharedEvent(event)
            for watcher in watchers.values():
                watcher.offer(shared)

    def _on_probe(self, message: Message) -> None:
        if message.headers.get("Status") != "503":
            return
        number = message.subject.rpartition(".")[2]
        for watchers in self._watchers.values():
            if number in watchers:
                watchers[number].gone()

    def _all(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers.values()]
