"""Speaks with agents: a Unix socket, JSON lines, any number of connections.

A client that does not read is cut off once its unread bytes exceed a bound; it never makes anyone wait.
Whoever may open the socket may start programs as us, hence it is for our own user (and root) alone.
"""
# ruff: noqa: PTH101, PTH108

import errno
import json
import os
import socket
from collections.abc import Callable
from typing import Any

from node_agent.supervisor.address import name_without_file, reachable, user_behind
from node_agent.supervisor.descriptors import sparing
from node_agent.supervisor.kernel import words_of
from node_agent.supervisor.loop import READABLE, WRITABLE, Loop, note
from node_agent.supervisor.wire import BAD_REQUEST, FAILED, LINE_BYTES_MAX, Refused

_UNSENT_BYTES_MAX = 16 * 1024 * 1024
_RECEIVE_BYTES = 64 * 1024
"""Less than what malloc asks the kernel for, each time anew."""

_BACKLOG = 128
_REFUSED_PAUSE_S = 0.1
_TAKES_NOTHING = (errno.EROFS, errno.ENOSPC, errno.EDQUOT)

Message = dict[str, Any]
Handler = Callable[["Connection", Message], None]


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket, server: "Server") -> None:
        self.watching = False
        self._sock = sock
        self._server = server
        self._received = bytearray()
        self._unsent = bytearray()
        self._open = True
        self._expected = READABLE
        self._when_closed: list[Callable[[], None]] = []

    def on_ready(self, events: int) -> None:
        """Sends and receives what is possible now."""
        if events & WRITABLE:
            self._flush()
        if events & ~WRITABLE:
            self._receive()

    def send(self, message: Message) -> None:
        """Queues a message; a client that is too far behind is cut off."""
        if not self._open:
            return
        waiting = bool(self._unsent)
        self._unsent += json.dumps(message, separators=(",", ":")).encode() + b"\n"
        if not waiting:
            self._flush()
        if len(self._unsent) > _UNSENT_BYTES_MAX:
            self.close()

    def when_closed(self, tell: Callable[[], None]) -> None:
        """Calls back when the connection has ended, whoever ended it."""
        self._when_closed.append(tell)

    def hand_over(self) -> tuple[socket.socket, bytes]:
        """Leaves the socket to somebody who speaks otherwise on it; and what has to be sent before."""
        self._open = False
        self._server.forget(self._sock.fileno())
        return self._sock, bytes(self._unsent)

    def close(self) -> None:
        """Ends the connection; what was asked for goes on, but for what is bound to it by `when_closed`."""
        if self._open:
            self._open = False
            self._server.forget(self._sock.fileno())
            self._sock.close()
            for tell in self._when_closed:
                tell()

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._unsent[:sent]
        expected = READABLE | WRITABLE if self._unsent else READABLE
        if expected != self._expected:
            self._expected = expected
            self._server.expect(self._sock.fileno(), expected)

    def _receive(self) -> None:
        received = receive(self._sock)
        if received is None:
            return
        if not received:
            self.close()
            return
        self._received += received
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        for line in lines:
            self._server.handle(self, bytes(line))
        if len(rest) > LINE_BYTES_MAX:
            self.send({"error": {"kind": BAD_REQUEST, "message": "the line is too long"}})
            self.close()


def receive(sock: socket.socket) -> bytes | None:
    """What has arrived on a connection: None if nothing has, empty if it has ended."""
    try:
        return sock.recv(_RECEIVE_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class Server:
    """Listens, and hands each request to the handler of its operation. `left` is called when a client has gone."""

    def __init__(self, path: str, loop: Loop, handlers: dict[str, Handler], left: Callable[[], None]) -> None:
        self._path = path
        self._loop = loop
        self._handlers = handlers
        self._left = left
        self._connections: dict[int, Connection] = {}
        self._listener = _listen(path)
        self._expect_clients()

    @property
    def serves(self) -> bool:
        """Whether there is a client."""
        return bool(self._connections)

    def publish(self, message: Message) -> None:
        """Sends an event to every client that watches."""
        for connection in list(self._connections.values()):
            if connection.watching:
                connection.send(message)

    def handle(self, connection: Connection, line: bytes) -> None:
        """Answers one line; whatever is wrong with it becomes an error for its sender."""
        request_id = None
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise Refused(BAD_REQUEST, "a request is an object")
            request_id = message.get("id")
            handler = self._handlers.get(str(message.get("op")))
            if handler is None:
                raise Refused(BAD_REQUEST, f"unknown operation {message.get('op')!r}")
            handler(connection, message)
        except Refused as refusal:
            connection.send({"id": request_id, "error": refusal.public()})
        except (ValueError, RecursionError):
            connection.send({"id": request_id, "error": {"kind": BAD_REQUEST, "message": "not JSON"}})
        except OSError as problem:
            failed = Refused(FAILED, words_of(problem), problem.errno)
            connection.send({"id": request_id, "error": failed.public()})

    def expect(self, fd: int, events: int) -> None:
        """Changes what is waited for on a connection."""
        self._loop.expect(fd, events)

    def forget(self, fd: int) -> None:
        """Drops a connection."""
        self._loop.forget(fd)
        self._connections.pop(fd, None)
        self._left()

    def close(self, *, remove_socket: bool) -> None:
        """Stops listening and ends all connections."""
        self._loop.forget(self._listener.fileno())
        self._listener.close()
        try:
            if remove_socket:
                os.unlink(self._path)
        except OSError:
            pass
        for connection in list(self._connections.values()):
            connection.close()

    def _expect_clients(self) -> None:
        self._loop.watch(self._listener.fileno(), lambda events: self._accept())

    def _accept(self) -> None:
        try:
            with sparing():
                sock, _ = self._listener.accept()
        except OSError:  # Most likely we are out of descriptors; who waits to be accepted must not keep us busy.
            self._loop.forget(self._listener.fileno())
            self._loop.call_later(_REFUSED_PAUSE_S, self._expect_clients)
            return
        if user_behind(sock) not in (0, os.geteuid()):
            sock.close()
            return
        sock.setblocking(False)
        connection = Connection(sock, self)
        self._connections[sock.fileno()] = connection
        self._loop.watch(sock.fileno(), connection.on_ready)


def _listen(path: str) -> socket.socket:
    """Binds the socket; on a disk that takes nothing, to a name that needs no file."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listener, path)
    except OSError as problem:
        if problem.errno not in _TAKES_NOTHING:
            raise
        note(f"no socket at {path}, listening without a file: {problem}")
        listener.bind(name_without_file(path))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def _bind(listener: socket.socket, path: str) -> None:
    """Binds to the path; a stale one is replaced, since the lock on the state folder proves that nobody serves it."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    with reachable(path) as name:
        listener.bind(name)
    os.chmod(path, 0o600)
