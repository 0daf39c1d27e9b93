"""The bus over a NATS server: one connection that comes back by itself, for ever.

Some habits of nats-py would break promises of the port. They are corrected here:

- It keeps what it could not send and sends it after the reconnect: a *ghost write* that its caller gave up long ago.
  Nothing is kept here: publishing without a connection fails, and what was unsent when it broke is dropped.
- Callbacks that raise end its read loop or leave it reconnecting for ever: ours catch everything and log it.
- Repeated headers overwrite each other, a flush overtakes what it should flush, a pong that nobody waits for any more
  ends the read loop, and closing a dead connection waits for the other end: `client` corrects these.

Never here: JetStream (see `control_plane.store.nats`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from proto.bus.nats.client import CLOSE_WITHIN_S, TrueClient
from proto.bus.nats.translation import header_bytes, message, on_the_wire, unreachable, words
from proto.bus.port import Disconnected, Handler, Headers, Message, NoResponders, RequestTimeout
from proto.cancelling import kept_cancellation

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 30.0
"""How long a program waits for its server when it starts."""

PING_INTERVAL_S = 3
PINGS_OUTSTANDING_MAX = 2
"""A silent connection is given up when the third ping is due: after 6 to 9 s."""

RECONNECT_WAIT_S = 0.25


class NatsSubscription:
    """A live subscription on the server."""

    def __init__(self, subscription: Subscription):
        self._subscription = subscription

    async def unsubscribe(self) -> None:
        """End it; messages that have not been handed over yet are dropped."""
        try:
            await self._subscription.unsubscribe()
        except errors.Error:
            pass  # It ended with the connection.


class NatsBus:
    """A connection to a NATS server or cluster; a `Bus`. Made by `connect`."""

    def __init__(self, name: str = ""):
        self._name = name
        self._client = TrueClient()
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []
        self._closing = False
        self._last_error = ""

    @classmethod
    async def connect(
        cls, servers: str | list[str], *, name: str = "", wait: bool = True, within_s: float = CONNECT_WITHIN_S
    ) -> NatsBus:
        """Connect to one of `servers`, a list or a text with commas; `wait`: keep trying while none answers.

        Raises:
            Disconnected: no server could be reached, or an address cannot be read; says which and why.
        """
        bus = cls(name)
        try:
            async with asyncio.timeout(within_s):
                await bus._connect(servers, wait)
        except (errors.Error, OSError, ValueError, TimeoutError) as error:
            await bus._abandon()
            raise Disconnected(unreachable(servers, bus._last_error or words(error))) from None
        except BaseException:
            await bus._abandon()
            raise
        return bus

    @property
    def client(self) -> Client:
        """The raw client."""
        return self._client

    @property
    def server_version(self) -> str:
        """The version that the connected server tells."""
        return str(self._client._server_info.get("version", ""))

    @property
    def connected(self) -> bool:
        """Whether messages can be sent now."""
        return bool(self._client.is_connected) and not self._closing

    @property
    def max_payload_bytes(self) -> int:
        """The largest message that the server takes."""
        return int(self._client.max_payload)

    def inbox(self) -> str:
        """A new subject of one's own for replies."""
        return self._client.new_inbox()

    async def publish(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Headers | None = None
    ) -> None:
        """Send a message.

        Raises:
            Disconnected: there is no connection, or the message is larger than the server takes.
        """
        self._check_sendable(subject, data, headers)
        try:
            await self._client.publish(subject, data, reply, on_the_wire(headers))
        except errors.Error as error:
            raise Disconnected(f"cannot publish on {subject}: {words(error)}") from None

    async def request(
        self, subject: str, data: bytes = b"", *, timeout_s: float, headers: Headers | None = None
    ) -> Message:
        """Send a message and wait for the first answer.

        Raises:
            NoResponders | RequestTimeout | Disconnected
        """
        self._check_sendable(subject, data, headers)
        try:
            with kept_cancellation():
                answer = await self._client.request(subject, data, timeout_s, headers=on_the_wire(headers))
        except errors.NoRespondersError:
            raise NoResponders(f"nobody listens on {subject}") from None
        except errors.TimeoutError:
            raise RequestTimeout(f"no answer on {subject} within {timeout_s:g} s") from None
        except errors.ConnectionReconnectingError:
            raise RequestTimeout(f"the connection broke while waiting for an answer on {subject}") from None
        except errors.Error as error:
            raise Disconnected(f"cannot ask on {subject}: {words(error)}") from None
        return message(answer)

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> NatsSubscription:
        """Call `handler` for every message on `subject`, one after the other; within a `queue` group one member is.

        Raises:
            Disconnected: the bus is closed. (During a break it subscribes when the connection is back.)
        """

        async def hand_over(raw: Msg) -> None:
            try:
                handler(message(raw))
            except Exception:
                log.exception("handler_raised subject=%s", raw.subject)

        try:
            subscription = await self._client.subscribe(subject, queue=queue, cb=hand_over)
            if self._client.is_connected:
                await self._client.flush()
        except errors.BadSubjectError:
            raise ValueError(f"bad subject {subject!r}") from None
        except errors.FlushTimeoutError:
            pass  # The connection is breaking: the reconnect subscribes again.
        except errors.Error as error:
            raise Disconnected(f"cannot subscribe to {subject}: {words(error)}") from None
        return NatsSubscription(subscription)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection is back after a break."""
        self._on_reconnect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` each time the connection breaks."""
        self._on_disconnect.append(callback)

    async def close(self) -> None:
        """Flush and close; afterwards everything raises `Disconnected`."""
        if self._closing:
            return
        try:
            if self._client.is_connected:
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    await self._client.flush()
        except (errors.Error, OSError, TimeoutError):
            pass  # There is nobody to flush to.
        self._closing = True
        await self._abandon()

    async def _connect(self, servers: str | list[str], wait: bool) -> None:
        await self._client.connect(
            servers.split(",") if isinstance(servers, str) else servers,
            name=self._name or None,
            allow_reconnect=True,
            max_reconnect_attempts=-1 if wait else 1,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # A float is fine for asyncio.sleep.
            connect_timeout=1,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_OUTSTANDING_MAX,
            pending_size=-1,
            error_cb=self._note_error,
            disconnected_cb=self._note_disconnect,
            reconnected_cb=self._note_reconnect,
            closed_cb=self._note_close,
        )
        self._client.options["max_reconnect_attempts"] = -1
        log.info("connected server=%s name=%s", self._where(), self._name)

    async def _abandon(self) -> None:
        self._closing = True
        try:
            await self._client.close()
        except (errors.Error, OSError, AssertionError) as error:
            log.debug("close_failed error=%s", words(error))

    def _check_sendable(self, subject: str, data: bytes, headers: Headers | None) -> None:
        if not self.connected:
            raise Disconnected("the bus is closed" if self._closing else "there is no connection to the NATS server")
        size = len(data) + header_bytes(headers)
        if size > self.max_payload_bytes:
            raise Disconnected(
                f"a message of {size} bytes is over the {self.max_payload_bytes} bytes that the NATS server takes"
            )
        if not subject or " " in subject:
            raise ValueError(f"bad subject {subject!r}")

    async def _note_error(self, error: Exception) -> None:
        """Each failed attempt to connect comes by here, four a second: worth a line only when it is news."""
        said = words(error)
        log.log(logging.DEBUG if said == self._last_error else logging.WARNING, "nats_error error=%s", said)
        self._last_error = said

    async def _note_disconnect(self) -> None:
        self._client.break_off()
        if not self._closing:
            log.warning("disconnected name=%s", self._name)
        self._call(self._on_disconnect)

    async def _note_reconnect(self) -> None:
        self._last_error = ""
        log.warning("reconnected server=%s name=%s", self._where(), self._name)
        self._call(self._on_reconnect)

    async def _note_close(self) -> None:
        if not self._closing:
            log.error("closed_by_server name=%s error=%s", self._name, self._client.last_error)

    def _call(self, callbacks: list[Callable[[], None]]) -> None:
        for callback in tuple(callbacks):
            try:
                callback()
            except Exception:
                log.exception("callback_raised callback=%r", callback)

    def _where(self) -> str:
        url = self._client.connected_url
        return url.netloc.rpartition("@")[2] if url else ""
