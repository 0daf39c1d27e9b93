"""Ordered, flow-controlled streams of bytes over the bus: logs today, whatever is long or never ends later.

    receiver                                      sender
    request on its subject, reply = own inbox --> serve_stream(bus, message, source)
                                              <-- chunk 1, 2, … (`Sp-Seq`), reply = the sender's inbox
    credit: bytes read so far (`Sp-Credit`)   -->
                                              <-- `Sp-End`, with `Sp-Error` (a Status) if it ended badly

- *Order and loss*: chunks are numbered from 1. One that is missing ends the stream with `StreamBroken`: a stream never
  has a hole that nobody knows of.
- *Flow*: at most `window_bytes` (and one chunk) are on their way or unread. The receiver grants credit as it reads, so
  a slow reader slows the source and costs no memory.
- *Life*: every `PULSE_S` the sender sends an empty chunk with the number of the last one, which the receiver answers
  at once, even while its reader pauses. A receiver for whom nothing comes asks as often whether its sender is there. An
  end that closed, or whose program died, is known by the 503 of the next message to it; one that fell silent by
  `SILENT_S` without a word. A connection to the server that broke ends the stream at both ends within seconds.

Never here: what the bytes mean, and going on after a break (the receiver asks again, from where it was).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from math import ceil

from proto.bus.port import Bus, BusError, Message, NoResponders
from proto.errors import ApiError, InternalError, Unavailable, from_status

log = logging.getLogger(__name__)

WINDOW_BYTES = 1024 * 1024
CHUNK_BYTES_MAX = 256 * 1024
PULSE_S = 5.0
SILENT_S = 16.0
"""Three pulses and a little."""

LOOK_S = 1.0
"""How often a receiver for whom nothing comes looks whether the bus and the sender are still there."""

SEQUENCE, CREDIT, WINDOW, END, ERROR = "Sp-Seq", "Sp-Credit", "Sp-Window", "Sp-End", "Sp-Error"


class StreamBroken(Exception):
    """A chunk was lost, or the other side fell silent: the rest of the stream will not come."""


async def open_stream(
    bus: Bus,
    subject: str,
    request: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    window_bytes: int = WINDOW_BYTES,
) -> AsyncGenerator[bytes, None]:
    """Ask on `subject` and yield the chunks of the answer; close the generator to end the stream early.

    Raises:
        NoResponders: nobody serves the subject.
        Disconnected: there is no connection.
        ApiError: the sender ended the stream with an error.
        StreamBroken: a chunk was lost, or nothing came for `SILENT_S`.
    """
    inbox = bus.inbox()
    receiver = _Receiver(bus, inbox, window_bytes)
    subscription = await bus.subscribe(inbox, receiver.take)
    try:
        await bus.publish(subject, request, reply=inbox, headers={**(headers or {}), WINDOW: str(window_bytes)})
        async with aclosing(receiver.chunks(subject)) as chunks:
            async for chunk in chunks:
                yield chunk
    finally:
        await receiver.leave()
        await subscription.unsubscribe()


async def serve_stream(bus: Bus, message: Message, source: AsyncIterator[bytes]) -> None:
    """Answer a stream request: send what `source` yields until it ends, fails, or the receiver is gone.

    An `ApiError` that `source` raises reaches the receiver as it is; anything else becomes an `InternalError`.
    Run it as a task of its own. When it is cancelled, the receiver is told that the stream ended.
    """
    if not message.reply:
        return
    sender = _Sender(bus, message.reply, _window(message))
    inbox = bus.inbox()
    subscription = await bus.subscribe(inbox, sender.take)
    sender.inbox = inbox
    try:
        await sender.run(source)
    except BusError as error:
        log.info("stream_ended_by_bus subject=%s error=%s", message.subject, error)
    finally:
        await subscription.unsubscribe()


class _Receiver:
    """The reading end: checks the numbers, grants credit, answers pulses."""

    def __init__(self, bus: Bus, inbox: str, window_bytes: int):
        self._bus = bus
        self._inbox = inbox
        self._grant_bytes = max(1, window_bytes // 4)
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._sender = ""
        self._last = 0
        self._read_bytes = 0
        self._granted_bytes = 0
        self._ended = False
        self._answers: set[asyncio.Task[None]] = set()

    def take(self, message: Message) -> None:
        """The inbox's handler."""
        self._arrived.put_nowait(message)
        self._sender = message.reply or self._sender
        if not message.data and END not in message.headers and "Status" not in message.headers:
            answer = asyncio.ensure_future(self._tell({CREDIT: str(self._read_bytes)}))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def chunks(self, subject: str) -> AsyncGenerator[bytes, None]:
        """The chunks in order."""
        while True:
            message = await self._next()
            self._check(message, subject)
            if message.data:
                yield message.data
                await self._grant(len(message.data))
            if self._ended:
                return

    async def leave(self) -> None:
        """Tell the sender that nobody reads any more, unless it has ended."""
        if not self._ended and self._sender:
            await self._tell({END: "1"})

    async def _next(self) -> Message:
        """The next message. Silence is counted in looks and not by the clock, which goes on while we are stopped."""
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        look_s = min(LOOK_S, SILENT_S)
        for _ in range(ceil(SILENT_S / look_s)):
            try:
                async with asyncio.timeout(look_s):
                    return await self._arrived.get()
            except TimeoutError:
                if not self._bus.connected:
                    raise StreamBroken("the connection to the NATS server broke") from None
                if self._sender:
                    await self._tell({CREDIT: str(self._read_bytes)})
        raise StreamBroken(f"the other side fell silent for {SILENT_S:g} s")

    def _check(self, message: Message, subject: str) -> None:
        """Look at the number and at the end."""
        if message.headers.get("Status") == "503":
            self._ended = True
            if self._sender:
                raise StreamBroken("the other side is gone: it has ended, or its connection broke")
            raise NoResponders(f"nobody listens on {subject}")
        sequence = int(message.headers.get(SEQUENCE, "0"))
        if sequence != (self._last + 1 if message.data else self._last):
            raise StreamBroken(f"chunk {self._last + 1} was lost on its way")
        self._last = sequence
        self._ended = END in message.headers
        if self._ended and ERROR in message.headers:
            raise from_status(json.loads(message.headers[ERROR]))

    async def _grant(self, read_bytes: int) -> None:
        self._read_bytes += read_bytes
        if self._read_bytes - self._granted_bytes >= self._grant_bytes and not self._ended:
            self._granted_bytes = self._read_bytes
            await self._tell({CREDIT: str(self._read_bytes)})

    async def _tell(self, headers: dict[str, str]) -> None:
        try:
            await self._bus.publish(self._sender, reply=self._inbox, headers=headers)
        except BusError as error:
            log.debug("sender_not_told error=%s", error)  # It will notice the silence.


class _Sender:
    """The writing end: numbers the chunks, waits for credit, watches that the receiver lives."""

    def __init__(self, bus: Bus, receiver: str, window_bytes: int):
        self.inbox = ""
        self._bus = bus
        self._receiver = receiver
        self._window_bytes = window_bytes
        self._sequence = 0
        self._sent_bytes = 0
        self._read_bytes = 0
        self._credit = asyncio.Event()
        self._gone = asyncio.Event()
        self._answered = True

    def take(self, message: Message) -> None:
        """The inbox's handler: credit, an answer to a pulse, or the news that nobody reads."""
        if "Status" in message.headers or END in message.headers:
            self._gone.set()
            return
        self._answered = True
        self._read_bytes = max(self._read_bytes, _number(message.headers.get(CREDIT, "")))
        self._credit.set()

    async def run(self, source: AsyncIterator[bytes]) -> None:
        """Send until the source ends or the receiver is gone."""
        pump = asyncio.create_task(self._pump(source))
        pulse = asyncio.create_task(self._pulse())
        try:
            await asyncio.wait({pump, pulse}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pulse.cancel()
            pump.cancel()
            outcomes = await asyncio.gather(pump, pulse, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _pump(self, source: AsyncIterator[bytes]) -> None:
        try:
            async for data in source:
                for start in range(0, len(data), CHUNK_BYTES_MAX):
                    await self._send(data[start : start + CHUNK_BYTES_MAX])
                await asyncio.sleep(0)  # A source that never waits must not hold up the loop for a whole window.
        except ApiError as error:
            await self._end(error)
        except BusError:
            raise
        except asyncio.CancelledError:
            await self._end(Unavailable("the sender of the stream stopped"))
            raise
        except Exception:
            log.exception("stream_source_failed")
            await self._end(InternalError("the source of the stream failed; its log says why"))
        else:
            await self._end(None)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def _pulse(self) -> None:
        """Ends when the receiver is gone."""
        silent_s = 0.0
        while silent_s < SILENT_S - PULSE_S:
            try:
                async with asyncio.timeout(PULSE_S):
                    await self._gone.wait()
                return
            except TimeoutError:
                silent_s = 0.0 if self._answered else silent_s + PULSE_S
            self._answered = False
            await self._publish(b"", {})
        log.info("stream_receiver_silent")
        await self._end(Unavailable(f"nothing was heard from the listening side for {SILENT_S:g} s; was it stopped?"))

    async def _send(self, chunk: bytes) -> None:
        while self._sent_bytes - self._read_bytes >= self._window_bytes:
            self._credit.clear()
            await self._credit.wait()
        self._sent_bytes += len(chunk)
        self._sequence += 1
        await self._publish(chunk, {})

    async def _end(self, error: ApiError | None) -> None:
        if not self._gone.is_set():
            status = {} if error is None else {ERROR: json.dumps(error.to_status())}
            await self._publish(b"", {END: "1", **status})

    async def _publish(self, data: bytes, headers: dict[str, str]) -> None:
        headers[SEQUENCE] = str(self._sequence)
        await self._bus.publish(self._receiver, data, reply=self.inbox, headers=headers)


def _window(message: Message) -> int:
    """The window that the receiver asks for, within reason."""
    asked = _number(message.headers.get(WINDOW, ""))
    return min(asked, 16 * WINDOW_BYTES) if asked > 0 else WINDOW_BYTES


def _number(text: str) -> int:
    """A number from a header; 0 for what is none."""
    return int(text) if text.isascii() and text.isdigit() else 0
