"""nats-py's client and transport, with the traps removed that would break a promise of the bus.

Each method here corrects one behaviour of nats-py 2.16 and says which. Never here: anything of our own protocol.
"""

from __future__ import annotations

import asyncio
from urllib.parse import ParseResult

from nats import errors
from nats.aio.client import PING_PROTO, Client, Srv
from nats.aio.transport import TcpTransport
from nats.protocol.parser import STALE_CONNECTION

from proto.cancelling import cancelled, kept_cancellation

CLOSE_WITHIN_S = 1.0
READ_BYTES = 1024 * 1024
LARGE_BYTES = 16 * 1024


class PromptTransport(TcpTransport):
    """A connection that is read in large pieces, and whose end is not waited for when the other side is gone."""

    def __bool__(self) -> bool:
        """Always: nats-py puts its own transport in the place of one that says it is not connected yet."""
        return True

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Connect, with room for a few messages: with less, reading stops and goes on several times in each.

        A cancellation that meets a refusal counts: nats-py's reconnect would go on for ever.
        """
        with kept_cancellation():
            await super().connect(uri, READ_BYTES, connect_timeout)

    async def read(self, buffer_size: int) -> bytes:
        """What has arrived."""
        return await super().read(READ_BYTES)  # type: ignore[no-any-return]

    async def wait_closed(self) -> None:
        """Wait until what was written has left, but not for long: on a cut cable it never does."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await super().wait_closed()  # type: ignore[no-untyped-call]
        except TimeoutError:
            if self._io_writer is not None:
                self._io_writer.transport.abort()


class TrueClient(Client):
    """nats-py's client with its traps removed."""

    def break_off(self) -> None:
        """Make a clean cut when the connection breaks: without this, what was not sent is sent after the reconnect,
        requests in flight run into their timeouts, and flushes wait for a pong that nobody will send."""
        self._pending = []
        self._pending_data_size = 0
        for pong in self._pongs:
            if not pong.done():
                pong.set_result(True)
        for answer in list(getattr(self, "_resp_map", {}).values()):
            if not answer.done():
                answer.set_exception(errors.ConnectionReconnectingError())

    # The reconnect can lose the one cancellation that it gets, and then nothing ends it.
    async def close(self) -> None:
        reconnecting = self._reconnection_task
        await super().close()
        if reconnecting is not None and reconnecting is not asyncio.current_task():
            await cancelled([reconnecting])

    # A cut cable must not hold up the reconnect (`PromptTransport`).
    async def _connect_to_server(self, s: Srv) -> None:
        if not self._transport and s.uri.scheme not in ("ws", "wss"):
            self._transport = PromptTransport()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    # A large message would be copied twice before it is sent: once with its header, once with its last two bytes.
    async def _send_publish(
        self, subject: str, reply: str, payload: bytes, payload_size: int, headers: dict[str, str] | None
    ) -> None:
        if not headers or payload_size < LARGE_BYTES:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        lines = "".join(f"{name.strip()}: {value.strip()}\r\n" for name, value in headers.items())
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        command = f"HPUB {subject} {reply} {len(head)} {len(head) + payload_size}\r\n".encode()
        for piece in (command, head, payload, b"\r\n"):
            await self._send_command(piece)
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    # Almost any complaint of the server would close the client for ever.
    async def _process_err(self, err_msg: str) -> None:
        if STALE_CONNECTION in err_msg or "permissions violation" in err_msg.lower():
            await super()._process_err(err_msg)
            return
        error = errors.Error(f"the server complains: {err_msg.strip(chr(39))}")
        await self._error_cb(error)
        await self._process_op_err(error)

    # A ping would overtake what is still to be sent, so that a flush returned before the server had it.
    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        self._pongs.append(future or asyncio.get_running_loop().create_future())
        await self._send_command(PING_PROTO)
        await self._flush_pending()

    # A pong that nobody waits for any more (its flush was cancelled) would end the read loop: its future is done.
    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    # Repeated headers would overwrite each other.
    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        headers: dict[str, str] = {}
        for line in raw.split(b"\r\n"):
            name, separator, value = line.partition(b":")
            if separator:
                key, text = name.strip().decode("utf-8", "replace"), value.strip().decode("utf-8", "replace")
                headers[key] = f"{headers[key]}\n{text}" if key in headers else text
        return headers
