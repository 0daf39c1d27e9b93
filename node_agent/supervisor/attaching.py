"""One client that is attached to a container's program: hears what it prints from now on, and may write to it.

After its request was answered, the connection carries `frames`.

The program is never held up by a client: what does not fit into the connection's buffer is counted and left out. A
client is held up by the program: while that does not read, nothing more is taken from the connection. So at most one
frame of each direction is kept here.
"""

import json
import socket
from typing import Any

from node_agent.supervisor.ends import Ends
from node_agent.supervisor.frames import (
    END,
    ENDED,
    FRAME_BYTES_MAX,
    HEADER,
    MISSED,
    MISSED_BYTES,
    RESIZED,
    SIZE,
    STDERR,
    STDIN,
    STDOUT,
    frame,
)
from node_agent.supervisor.loop import READABLE, WRITABLE, Loop
from node_agent.supervisor.server import receive

_CHANNELS = {"stdout": STDOUT, "stderr": STDERR}
_BUFFER_BYTES = 1024 * 1024
_HANG_UPS = ~(READABLE | WRITABLE)
_LINGER_S = 5.0
"""How long a client may take to read the end."""


class Attachment:
    """The supervisor's side of one attached client."""

    def __init__(self, loop: Loop, sock: socket.socket, unsent: bytes, ends: Ends, *, stdin: bool) -> None:
        self._loop = loop
        self._sock = sock
        self._ends = ends
        self._writes = stdin
        self._open = True
        self._unsent = unsent
        self._missed_bytes = 0
        self._last = b""
        self._told_end = False
        self._lingers = False
        self._received = bytearray()
        self._untaken = memoryview(b"")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        ends.listeners.append(self)
        loop.watch(sock.fileno(), self._on_ready)
        self._expect()

    def hear(self, stream: str, chunk: bytes) -> None:
        """The program has printed this."""
        if self._unsent or self._lingers or not self._open:
            self._missed_bytes += len(chunk)
        else:
            self._send(frame(_CHANNELS[stream], chunk))

    def tell_end(self, outcome: dict[str, Any]) -> None:
        """The container has ended; so does the connection, once the client has read all that is left for it."""
        self._last = frame(ENDED, json.dumps(outcome).encode())
        self._flush()

    def close(self) -> None:
        """Ends the connection."""
        if not self._open:
            return
        self._open = False
        self._ends.listeners.remove(self)
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        if self._writes:
            self._writes = False
            self._ends.end_input()

    def _on_ready(self, events: int) -> None:
        if events & WRITABLE:
            self._flush()
        if self._open and events & READABLE and not self._untaken:
            self._receive()
        elif self._open and events & _HANG_UPS:
            self.close()

    def _send(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._unsent = data[sent:]
        self._expect()

    def _flush(self) -> None:
        """Sends what is left, then how much was missed, then the end."""
        if self._unsent:
            self._send(self._unsent)
        if self._open and not self._unsent and self._missed_bytes:
            missed, self._missed_bytes = self._missed_bytes, 0
            self._send(frame(MISSED, MISSED_BYTES.pack(missed)))
        if self._open and not self._unsent and self._last:
            last, self._last = self._last, b""
            self._told_end = True
            self._send(last)
        if self._open and self._told_end and not self._unsent and not self._lingers:
            self._linger()

    def _linger(self) -> None:
        """Lets fall what the client still sends, until it closes.

        To close first, with something unread, would be a reset, and take the end away from a client that has yet to
        read it.
        """
        self._lingers, self._writes = True, False
        self._untaken = memoryview(b"")
        self._loop.call_later(_LINGER_S, self.close)
        self._expect()

    def _expect(self) -> None:
        """Waits for what can be done now."""
        if self._open:
            reading = 0 if self._untaken else READABLE
            self._loop.expect(self._sock.fileno(), reading | (WRITABLE if self._unsent else 0))

    def _receive(self) -> None:
        received = receive(self._sock)
        if received == b"":
            self.close()
        elif received and not self._lingers:
            self._received += received
            self._take_frames()

    def _take_frames(self) -> None:
        while self._open and not self._untaken and len(self._received) >= HEADER.size:
            channel, length = HEADER.unpack_from(self._received)
            if length > FRAME_BYTES_MAX:
                self.close()
                return
            if len(self._received) < HEADER.size + length:
                return
            content = bytes(self._received[HEADER.size : HEADER.size + length])
            del self._received[: HEADER.size + length]
            self._take(channel, content)

    def _take(self, channel: int, content: bytes) -> None:
        if channel == STDIN and self._writes:
            self._untaken = memoryview(content)
            self._write()
        elif channel == RESIZED and len(content) == SIZE.size:
            self._ends.resize(*SIZE.unpack(content))
        elif channel == END and self._writes:
            self._writes = False
            self._ends.end_input()

    def _write(self) -> None:
        """Gives the program what it takes now, and the rest when it has read that."""
        while self._untaken and (taken := self._ends.write(self._untaken)):
            self._untaken = self._untaken[taken:]
        if self._untaken:
            self._ends.when_writable(self._go_on)
        self._expect()

    def _go_on(self) -> None:
        if self._open and self._untaken:
            self._write()
            self._take_frames()
