"""The bus inside one process: a network with links that a test can cut, slow down or make lossy.

`MemoryNetwork` plays the NATS server, `MemoryBus` a client's connection to it. Everything happens on one event loop,
in an order that depends on nothing but the calls and the seed, so that a simulation in virtual time repeats itself.

A link belongs to a name (a machine): all buses of that name share it. `partition` cuts it *silently*, as a pulled
cable does: messages vanish, requests time out, and only after `SILENCE_NOTICED_S` do both ends give the connection up,
as NATS does by its pings. `disconnect` breaks it so that both ends know at once. `heal` undoes either.

Never here: real time (all waiting is the loop's) and chance that is not drawn from `Ids`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass

from proto.bus.interest import Interest, check_subject
from proto.bus.links import Link, Pipe
from proto.bus.port import Disconnected, Handler, Headers, Message, NoResponders, RequestTimeout
from proto.ids import Ids, RandomIds

log = logging.getLogger(__name__)

SILENCE_NOTICED_S = 6.0
"""Two missed pings of three seconds each: what `proto.bus.nats` sets."""

MAX_PAYLOAD_BYTES = 1024 * 1024
"""The default of a NATS server."""

NO_RESPONDERS = {"Status": "503"}
"""The headers of the server's answer when nobody listens."""


@dataclass(eq=False, slots=True)
class MemorySubscription:
    """One subscription of one bus."""

    bus: MemoryBus
    pattern: str
    handler: Handler
    queue: str
    live: bool = True

    async def unsubscribe(self) -> None:
        """End it; what is on its way is dropped."""
        self.bus.forget(self)

    def deliver(self, message: Message) -> None:
        """Hand a message over, unless the subscription ended while it travelled."""
        if not self.live:
            return
        try:
            self.handler(message)
        except Exception:
            log.exception("handler_raised subject=%s", message.subject)


class MemoryNetwork:
    """The server: knows all links and subscriptions, and passes messages on."""

    def __init__(self, ids: Ids | None = None, *, max_payload_bytes: int = MAX_PAYLOAD_BYTES):
        self.ids = ids or RandomIds(0)
        self._links: dict[str, Link] = {}
        self._buses: list[MemoryBus] = []
        self._turns: dict[str, int] = {}
        self._inboxes = itertools.count(1)
        self.interest: Interest[MemorySubscription] = Interest()
        self.max_payload_bytes = max_payload_bytes

    def link(self, name: str) -> Link:
        """The link of `name`: set its `latency_s` and `loss` as you like."""
        return self._links.setdefault(name, Link())

    def partition(self, name: str) -> None:
        """Cut the link silently; both ends notice after `SILENCE_NOTICED_S`, if it is still cut then."""
        link = self.link(name)
        if not link.silent:
            link.silent = True
            asyncio.get_running_loop().call_later(SILENCE_NOTICED_S, self._notice_silence, name)

    def disconnect(self, name: str) -> None:
        """Break the link so that both ends know at once, as when a socket is reset."""
        link = self.link(name)
        if link.broken:
            return
        link.broken = True
        for bus in self._of(name):
            bus.lose_connection()

    def heal(self, name: str) -> None:
        """Make the link whole; connections that were given up come back with all their subscriptions."""
        link = self.link(name)
        was_broken, link.silent, link.broken = link.broken, False, False
        if was_broken:
            for bus in self._of(name):
                bus.regain_connection()

    def join(self, bus: MemoryBus) -> None:
        """A client connects."""
        self._buses.append(bus)

    def leave(self, bus: MemoryBus) -> None:
        """A client closes."""
        self._buses.remove(bus)

    def route(self, message: Message) -> None:
        """Pass a message on to everyone who listens and to one of each queue group."""
        chosen = self._choose(self.interest.find(message.subject))
        for subscription in chosen:
            subscription.bus.receive(subscription, message)
        if not chosen and message.reply and message.headers != NO_RESPONDERS:
            self.route(Message(message.reply, headers=NO_RESPONDERS))

    def new_inbox(self, name: str) -> str:
        """A subject for replies that nobody else has."""
        return f"_INBOX.{name.replace('.', '_') or 'bus'}.{next(self._inboxes)}"

    def _choose(self, found: list[MemorySubscription]) -> list[MemorySubscription]:
        """All that are in no queue group, and the members whose turn it is."""
        chosen = [subscription for subscription in found if not subscription.queue]
        groups: dict[str, list[MemorySubscription]] = {}
        for subscription in found:
            if subscription.queue:
                groups.setdefault(subscription.queue, []).append(subscription)
        for queue, members in groups.items():
            turn = self._turns.get(queue, 0)
            self._turns[queue] = turn + 1
            chosen.append(members[turn % len(members)])
        return chosen

    def _of(self, name: str) -> list[MemoryBus]:
        return [bus for bus in self._buses if bus.name == name]

    def _notice_silence(self, name: str) -> None:
        if self.link(name).silent:
            self.disconnect(name)


class MemoryBus:
    """A connection to a `MemoryNetwork`; a `Bus`."""

    def __init__(self, network: MemoryNetwork, name: str = ""):
        self.name = name
        self._network = network
        self._link = network.link(name)
        self._up = Pipe(self._link, network.ids)
        self._down = Pipe(self._link, network.ids)
        self._subscriptions: list[MemorySubscription] = []
        self._closed = False
        self._reply_prefix = network.new_inbox(name)
        self._requests = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []
        network.join(self)
        self._listen(f"{self._reply_prefix}.*", self._take_reply)

    @property
    def connected(self) -> bool:
        """Whether messages can be sent, as far as this end knows."""
        return not self._closed and not self._link.broken

    @property
    def max_payload_bytes(self) -> int:
        """The largest message that may be sent."""
        return self._network.max_payload_bytes

    def inbox(self) -> str:
        """A new subject of one's own for replies."""
        return self._network.new_inbox(self.name)

    async def publish(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """Send a message.

        Raises:
            Disconnected: there is no connection, or the message is larger than the network takes.
        """
        self._send(Message(subject, bytes(data), reply, dict(headers or {})))

    async def request(
        self, subject: str, data: bytes = b"", *, timeout_s: float, headers: Headers | None = None
    ) -> Message:
        """Send a message and wait for the first answer.

        Raises:
            NoResponders | RequestTimeout | Disconnected
        """
        reply = f"{self._reply_prefix}.{next(self._requests)}"
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = future
        try:
            self._send(Message(subject, bytes(data), reply, dict(headers or {})))
            async with asyncio.timeout(timeout_s):
                answer = await future
        except TimeoutError:
            raise RequestTimeout(f"no answer on {subject} within {timeout_s} s") from None
        finally:
            del self._waiting[reply]
        if answer.headers == NO_RESPONDERS:
            raise NoResponders(f"nobody listens on {subject}")
        return answer

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> MemorySubscription:
        """Call `handler` for every message on `subject`; within a `queue` group they take turns."""
        if self._closed:
            raise Disconnected("the bus is closed")
        return self._listen(subject, handler, queue)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection is back after a break."""
        self._on_reconnect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection breaks."""
        self._on_disconnect.append(callback)

    async def close(self) -> None:
        """End all subscriptions; afterwards everything raises `Disconnected`."""
        if self._closed:
            return
        self._closed = True
        for subscription in list(self._subscriptions):
            self.forget(subscription)
        self._network.leave(self)

    def receive(self, subscription: MemorySubscription, message: Message) -> None:
        """Called by the network: a message for one of our subscriptions."""
        self._down.send(lambda: subscription.deliver(message))

    def forget(self, subscription: MemorySubscription) -> None:
        """End a subscription."""
        if not subscription.live:
            return
        subscription.live = False
        self._subscriptions.remove(subscription)
        if not self._link.broken:
            self._network.interest.remove(subscription.pattern, subscription)

    def lose_connection(self) -> None:
        """Called by the network: the connection is given up on both ends, and with it our interest."""
        for subscription in self._subscriptions:
            self._network.interest.remove(subscription.pattern, subscription)
        for callback in self._on_disconnect:
            asyncio.get_running_loop().call_soon(callback)

    def regain_connection(self) -> None:
        """Called by the network: the connection is back, and all our subscriptions are told again."""
        for subscription in self._subscriptions:
            self._network.interest.add(subscription.pattern, subscription)
        for callback in self._on_reconnect:
            asyncio.get_running_loop().call_soon(callback)

    def _send(self, message: Message) -> None:
        if not self.connected:
            raise Disconnected("the bus is closed" if self._closed else "there is no connection to the network")
        if len(message.data) > self.max_payload_bytes:
            raise Disconnected(f"a message of {len(message.data)} bytes is over the {self.max_payload_bytes} allowed")
        check_subject(message.subject)
        self._up.send(lambda: self._network.route(message))

    def _listen(self, pattern: str, handler: Handler, queue: str = "") -> MemorySubscription:
        check_subject(pattern, pattern=True)
        subscription = MemorySubscription(self, pattern, handler, queue)
        self._subscriptions.append(subscription)
        if not self._link.broken:
            self._network.interest.add(pattern, subscription)
        return subscription

    def _take_reply(self, message: Message) -> None:
        future = self._waiting.get(message.subject)
        if future is not None and not future.done():
            future.set_result(message)
