"""What a bus does: the port that `proto.bus.nats` and `proto.bus.memory` implement.

Delivery is at most once and in order for one sender and one subject. Handlers are plain functions that return at
once: whoever has work to do puts it into a queue or starts a task. A handler never blocks the loop and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """What arrived. `reply` is "" when nobody waits for an answer.

    `headers` has one value a name; repeated headers are joined with a newline.
    """

    subject: str
    data: bytes = b""
    reply: str = ""
    headers: Headers = field(default_factory=dict)


Handler = Callable[[Message], None]


class BusError(Exception):
    """The bus could not do it. The three kinds below are all there are."""


class NoResponders(BusError):
    """Nobody listens on the subject: certain, and known at once."""


class RequestTimeout(BusError):
    """No answer in time: whether the request was handled is unknown."""


class Disconnected(BusError):
    """There is no connection now (or the message is larger than the server takes); nothing was sent."""


class Subscription(Protocol):
    """A live subscription."""

    async def unsubscribe(self) -> None:
        """End it; messages that have not been handed over yet are dropped."""
        ...


class Bus(Protocol):
    """A connection to the bus."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        ...

    @property
    def max_payload_bytes(self) -> int:
        """The largest message that may be sent."""
        ...

    def inbox(self) -> str:
        """A new subject of one's own for replies."""
        ...

    async def publish(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """Send a message; nobody may be listening.

        Raises:
            Disconnected: there is no connection; the message is not kept for later.
        """
        ...

    async def request(
        self, subject: str, data: bytes = b"", *, timeout_s: float, headers: Headers | None = None
    ) -> Message:
        """Send a message and wait for the first answer.

        Raises:
            NoResponders: nobody listens.
            RequestTimeout: no answer within `timeout_s`.
            Disconnected: there is no connection.
        """
        ...

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> Subscription:
        """Call `handler` for every message on `subject` (`*` one token, `>` the rest).

        Within a `queue` group each message goes to one member. The subscription survives reconnects; when this
        returns, the server has it.
        """
        ...

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection is back after a break."""
        ...

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection breaks."""
        ...

    async def close(self) -> None:
        """Flush and close; afterwards everything raises `Disconnected`."""
        ...
