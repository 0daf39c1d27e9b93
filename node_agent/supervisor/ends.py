"""Our ends of what a container's program reads and writes: FIFOs, or a terminal.

    stdout, stderr   FIFOs that the program opens for reading and writing, so that our death sends it no SIGPIPE
    stdin            nothing; or a FIFO, which the program opens for reading and writing too where it never ends
    terminal         all three; its other end is ours

What a program would lose with us lies in the descriptor store as well: the terminal, and the last writer of a stdin
that ends once. The FIFOs lie in the container's folder, where the next supervisor finds them.

*Writes* the program's input. *Never* blocks: who writes is told how much was taken, and when to go on.
"""
# ruff: noqa: PTH102, PTH103

import fcntl
import os
import struct
import termios
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from node_agent.supervisor.fd_store import FdStore
from node_agent.supervisor.logfile import RotatedLog
from node_agent.supervisor.loop import WRITABLE, Loop
from node_agent.supervisor.output import Output
from node_agent.supervisor.stdio import Stdio

OUTPUTS = ("stdout", "stderr")
TERMINAL_SIZE = (80, 24)
"""Columns and rows until a client tells those of its own."""

_TIOCGPTPEER = 0x5441
_FIFO_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC


class Files(NamedTuple):
    """What the program opens: paths, and the flags for its stdin; see `launch.Program`."""

    stdin: str
    stdin_flags: int
    stdout: str
    stderr: str


class Listener(Protocol):
    """Somebody who wants to hear what the program prints."""

    def hear(self, stream: str, chunk: bytes) -> None:
        """The program has printed this; may be called at any time, and must not wait."""


class Ends:
    """The ends of one container. `input_ended` is called when a stdin that ends once has done so."""

    def __init__(
        self, loop: Loop, store: FdStore, container: str, folder: str, log: RotatedLog, stdio: Stdio,
        input_ended: Callable[[], None],
    ) -> None:  # fmt: skip
        self.log = log
        self.stdio = stdio
        self.listeners: list[Listener] = []
        self._loop = loop
        self._store = store
        self._container = container
        self._folder = folder
        self._input_ended = input_ended
        self._output: Output | None = None
        self._terminal: int | None = None
        self._terminals_fds: list[int] = []
        self._input: int | None = None
        self._input_over = not (stdio.stdin or stdio.tty)
        self._waiting: list[Callable[[], None]] = []

    def make(self, owner: int | None) -> Files:
        """Makes all of them; a terminal belongs to the user `owner`, None for our own.

        Raises:
            OSError: The disk is full or read-only, or the machine is out of descriptors or terminals.
        """
        self._make_folder()
        if self.stdio.tty:
            path = self._make_terminal(owner)
            return Files(path, os.O_RDWR, path, path)
        self._listen(self._open_fifos())
        stdin, flags = "/dev/null", os.O_RDONLY
        if self.stdio.stdin:
            stdin = self._fifo("stdin")
            flags = os.O_RDONLY if self.stdio.once else os.O_RDWR
        if self.stdio.stdin and self.stdio.once:
            reader = os.open(stdin, os.O_RDONLY | _FIFO_FLAGS)  # Without one, a writer would be refused.
            self._hold_input(os.open(stdin, os.O_WRONLY | _FIFO_FLAGS))
            os.close(reader)
        return Files(stdin, flags, *(f"{self._folder}/{name}" for name in OUTPUTS))

    def adopt(self, *, input_ended: bool) -> bool:
        """Takes over those of an earlier supervisor; False if the program has lost its terminal.

        Raises:
            OSError: The disk is full or read-only.
        """
        held = self._store.take(self._container)
        if self.stdio.tty:
            if held is None:
                return False
            self._input_over = input_ended
            self._use_terminal(held, _peer_of(held))
            return True
        self._listen(self._open_fifos())
        self._input = held
        if self.stdio.once and held is None and not self._input_over:
            self._input_over = True
            if not input_ended:  # The last writer ended with the holder of descriptors.
                self._input_ended()
        return True

    def finish(self) -> None:
        """Takes the last output and closes everything."""
        if self._output is not None:
            self._output.finish()
            self._output = None
        self.log.close()
        self._terminal = None
        self.close_input()
        self._store.drop(self._container)
        while self._terminals_fds:
            os.close(self._terminals_fds.pop())

    def write(self, data: bytes | memoryview) -> int:
        """Gives the program some of it to read; how many bytes. What no program reads any more counts as taken."""
        fd = self._input_fd()
        if fd is None:
            return len(data)
        try:
            return os.write(fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self._close_input()
            return len(data)

    def when_writable(self, tell: Callable[[], None]) -> None:
        """Calls back once, when the program has read something."""
        fd = self._input_fd()
        if fd is None:
            self._loop.call_later(0, tell)
            return
        if not self._waiting:
            self._loop.watch(fd, lambda events: self._wake(), WRITABLE)
        self._waiting.append(tell)

    def end_input(self) -> None:
        """A client that could write has gone: the end of a stdin that ends once, nothing for any other.

        A terminal has no such end: there it is a character that people type. Nobody writes to it any more.
        """
        if self.stdio.once and not self._input_over:
            self.close_input()
            self._input_ended()

    def close_input(self) -> None:
        """Nobody writes any more."""
        self._input_over = True
        self._close_input()

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal, if it is one, another size; the programs on it are told (SIGWINCH)."""
        if self._terminal is not None and columns and rows:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _make_folder(self) -> None:
        try:
            os.mkdir(self._folder, 0o700)
        except FileExistsError:
            pass
        except FileNotFoundError:
            os.makedirs(self._folder, mode=0o700)

    def _make_terminal(self, owner: int | None) -> str:
        ours, theirs = os.openpty()
        path = os.ttyname(theirs)
        if owner is not None:
            try:
                os.fchown(theirs, owner, -1)
            except OSError:
                pass  # Then we may not become that user either, and the launch says so.
        self._use_terminal(ours, theirs)
        self.resize(*TERMINAL_SIZE)
        self._store.keep(self._container, ours)
        return path

    def _use_terminal(self, ours: int, theirs: int | None) -> None:
        """Theirs stays open here, so that our reading does not end when a program closes it to open it again."""
        os.set_blocking(ours, False)
        self._terminal = ours
        self._terminals_fds = [fd for fd in (ours, theirs) if fd is not None]
        self._listen({"stdout": os.dup(ours)})

    def _open_fifos(self) -> dict[str, int]:
        return {name: os.open(self._fifo(name), os.O_RDONLY | _FIFO_FLAGS) for name in OUTPUTS}

    def _fifo(self, name: str) -> str:
        """Makes a FIFO, which may be there already; its path."""
        path = f"{self._folder}/{name}"
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            pass
        return path

    def _listen(self, fds: Mapping[str, int]) -> None:
        self._output = Output(fds, self._folder, self.log, self._loop, self._heard)

    def _heard(self, stream: str, chunk: bytes) -> None:
        for listener in tuple(self.listeners):
            listener.hear(stream, chunk)

    def _hold_input(self, fd: int) -> None:
        self._input = fd
        self._store.keep(self._container, fd)

    def _input_fd(self) -> int | None:
        """What to write to; None if nobody reads there any more."""
        if self._input_over or self._input is not None:
            return self._input
        try:
            if self._terminal is not None:
                self._input = os.dup(self._terminal)
            else:
                self._input = os.open(f"{self._folder}/stdin", os.O_WRONLY | _FIFO_FLAGS)
        except OSError:
            return None
        return self._input

    def _close_input(self) -> None:
        if self._input is not None:
            if not self.stdio.tty:
                self._store.drop(self._container)
            self._loop.forget(self._input)
            os.close(self._input)
            self._input = None
        self._wake()

    def _wake(self) -> None:
        """Calls back everyone who waits for the program to read."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._input is not None:
            self._loop.forget(self._input)
        for tell in waiting:
            tell()


def _peer_of(terminal: int) -> int | None:
    """The program's side of a terminal, for us; None where the kernel (before Linux 4.13) has no way to it."""
    try:
        return fcntl.ioctl(terminal, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
