"""A process that holds descriptors for us, so that they outlive us: systemd's file descriptor store in small.

A terminal hangs up its programs when the last descriptor of its other end is closed, and a pipe ends when its last
writer closes. Both must not happen when a supervisor is killed. So copies lie with a child of the supervisor that does
nothing else; the next supervisor finds it at `<state dir>/fds.sock` and is handed them. The child is there only while
something is held, or a supervisor is that has held something. It is not needed for what runs without them, and if it
is killed itself, the supervisor gives everything to another one.

    → keep NAME, with a descriptor        → drop NAME
    → list      ← fd NAME, with its descriptor, for each; then: end

*Never*: blocks the supervisor for longer than `_PATIENCE_S`; what cannot be held is said, and goes on unheld.
"""
# ruff: noqa: PTH101, PTH108

import os
import socket
from typing import NoReturn

from node_agent.supervisor.address import reachable
from node_agent.supervisor.aside import step_aside
from node_agent.supervisor.loop import Loop, note

_PATIENCE_S = 1.0
_MESSAGE_BYTES = 512
_NAME = "setpoint-fds"


class FdStore:
    """The supervisor's side. The names are those of containers, each of which has one descriptor at most."""

    def __init__(self, loop: Loop, state_dir: str) -> None:
        self._loop = loop
        self._path = state_dir + "/fds.sock"
        self._line: socket.socket | None = None
        self._ours: dict[str, int] = {}
        self._inherited: dict[str, int] = {}

    def recover(self) -> None:
        """Finds what an earlier supervisor left."""
        line = _connected(self._path)
        if line is None:
            return
        try:
            line.send(b"list")
            while True:
                data, fds, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, 1)
                if not fds:
                    break
                self._inherited[data.decode().removeprefix("fd ")] = fds[0]
        except OSError as problem:
            note(f"what is held of the last supervisor's terminals could not be asked: {problem}")
        self._use(line)

    def take(self, name: str) -> int | None:
        """The descriptor that an earlier supervisor left under the name, still held; None if there is none."""
        fd = self._inherited.pop(name, None)
        if fd is not None:
            self._ours[name] = fd
        return fd

    def forget_others(self) -> None:
        """Drops what nobody has taken after all were recovered."""
        inherited, self._inherited = self._inherited, {}
        for name, fd in inherited.items():
            os.close(fd)
            self._tell(b"drop " + name.encode())

    def keep(self, name: str, fd: int) -> None:
        """Holds a copy; the caller keeps its own open until it calls `drop`."""
        self._ours[name] = fd
        self._tell(b"keep " + name.encode(), fd)

    def drop(self, name: str) -> None:
        """Lets go of what is held under the name, before the caller closes its own."""
        if self._ours.pop(name, None) is not None:
            self._tell(b"drop " + name.encode())

    def _tell(self, message: bytes, fd: int | None = None) -> None:
        if self._line is None:
            self._begin_anew()
            return
        try:
            socket.send_fds(self._line, [message], [] if fd is None else [fd])
        except OSError as problem:
            note(f"the holder of descriptors does not take {message!r}: {problem}")

    def _begin_anew(self) -> None:
        """Starts a holder and gives it everything."""
        if not self._ours:
            return
        try:
            _start(self._path)
        except OSError as problem:
            note(f"terminals will not outlive this supervisor: {problem}")
            return
        line = _connected(self._path)
        if line is None:
            note("terminals will not outlive this supervisor: their holder ended at once")
            return
        self._use(line)
        for name, fd in self._ours.items():
            self._tell(b"keep " + name.encode(), fd)

    def _use(self, line: socket.socket) -> None:
        self._line = line
        self._loop.watch(line.fileno(), lambda events: self._on_lost())

    def _on_lost(self) -> None:
        """It never speaks unasked: it has ended, or somebody has killed it."""
        assert self._line is not None
        self._loop.forget(self._line.fileno())
        self._line.close()
        self._line = None
        self._begin_anew()


def _connected(path: str) -> socket.socket | None:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.settimeout(_PATIENCE_S)
    try:
        with reachable(path) as name:
            line.connect(name)
    except OSError:
        line.close()
        return None
    return line


def _start(path: str) -> None:
    """Forks the holder; it listens already when this returns.

    Raises:
        OSError: The machine is out of processes, memory or descriptors, or the disk takes no socket.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        with reachable(path) as name:
            listener.bind(name)
        os.chmod(path, 0o600)
        listener.listen(1)
        if os.fork() == 0:
            _hold(listener)


def _hold(listener: socket.socket) -> NoReturn:
    """The holder's whole life: one supervisor after the other, until nothing is held when one leaves."""
    try:
        accepting = step_aside(listener, _NAME)
        held: dict[str, int] = {}
        while True:
            line, _ = accepting.accept()
            with line:
                _serve(line, held)
            if not held:
                break
    finally:
        os._exit(0)


def _serve(line: socket.socket, held: dict[str, int]) -> None:
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(line, _MESSAGE_BYTES, 1)
        except OSError:
            return
        if not data:
            return
        verb, _, name = data.decode().partition(" ")
        if verb == "list":
            _list(line, held)
            continue
        if name in held:
            os.close(held.pop(name))
        if verb == "keep" and fds:
            held[name] = fds[0]


def _list(line: socket.socket, held: dict[str, int]) -> None:
    try:
        for name, fd in held.items():
            socket.send_fds(line, [b"fd " + name.encode()], [fd])
        line.send(b"end")
    except OSError:
        return
