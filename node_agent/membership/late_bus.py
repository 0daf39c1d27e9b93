"""A bus that may not be connected yet: an agent that starts while the hub is away takes care of its pods meanwhile.

Until a connection is attached, everything fails as during a break (`Disconnected`); subscriptions are remembered.
"""

from __future__ import annotations

from collections.abc import Callable

from proto.bus.port import Bus, Disconnected, Handler, Headers, Message, Subscription

BEFORE_CONNECTION_BYTES_MAX = 1024 * 1024


class LateSubscription:
    """A subscription that becomes real with the connection."""

    def __init__(self, subject: str, handler: Handler, queue: str) -> None:
        self._subject = subject
        self._handler = handler
        self._queue = queue
        self._real: Subscription | None = None
        self._ended = False

    async def begin(self, bus: Bus) -> None:
        """The connection is there."""
        if not self._ended:
            self._real = await bus.subscribe(self._subject, self._handler, queue=self._queue)

    async def unsubscribe(self) -> None:
        """End it, or never let it begin."""
        self._ended = True
        if self._real is not None:
            await self._real.unsubscribe()


class LateBus:
    """A `Bus` whose connection is attached later, once."""

    def __init__(self) -> None:
        self._bus: Bus | None = None
        self._subscriptions: list[LateSubscription] = []
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []

    async def attach(self, bus: Bus) -> None:
        """The connection is there: begin what was subscribed meanwhile."""
        for callback in self._on_reconnect:
            bus.on_reconnect(callback)
        for callback in self._on_disconnect:
            bus.on_disconnect(callback)
        for subscription in self._subscriptions:
            await subscription.begin(bus)
        self._bus = bus

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return self._bus is not None and self._bus.connected

    @property
    def max_payload_bytes(self) -> int:
        """The largest message that may be sent."""
        return self._bus.max_payload_bytes if self._bus else BEFORE_CONNECTION_BYTES_MAX

    def inbox(self) -> str:
        """A new subject of one's own for replies.

        Raises:
            Disconnected: there was no connection yet.
        """
        return self._connection().inbox()

    async def publish(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """See the port."""
        await self._connection().publish(subject, data, reply=reply, headers=headers)

    async def request(
        self, subject: str, data: bytes = b"", *, timeout_s: float, headers: Headers | None = None
    ) -> Message:
        """See the port."""
        return await self._connection().request(subject, data, timeout_s=timeout_s, headers=headers)

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription:
        """See the port."""
        if self._bus is not None:
            return await self._bus.subscribe(subject, handler, queue=queue)
        subscription = LateSubscription(subject, handler, queue)
        self._subscriptions.append(subscription)
        return subscription

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._on_reconnect.append(callback)
        if self._bus is not None:
            self._bus.on_reconnect(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """See the port."""
        self._on_disconnect.append(callback)
        if self._bus is not None:
            self._bus.on_disconnect(callback)

    async def close(self) -> None:
        """See the port."""
        if self._bus is not None:
            await self._bus.close()

    def _connection(self) -> Bus:
        if self._bus is None:
            raise Disconnected("there is no connection to the NATS server yet")
        return self._bus
