"""Notices the end of children, without asking in turns.

SIGCHLD writes a byte into a pipe that the loop watches. We are also the subreaper of everything below us,
so orphans of double forks become our children, and no zombie stays.
"""

import os
import signal
from collections.abc import Callable

from node_agent.supervisor.loop import Loop

_OURS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ}


class Reaper:
    """Calls `ended(pid, wait status)` for each child that has ended, and `asked_to_leave()` on SIGTERM and SIGINT."""

    def __init__(self, loop: Loop, ended: Callable[[int, int], None], asked_to_leave: Callable[[], None]) -> None:
        self._ended = ended
        self._asked_to_leave = asked_to_leave
        self._read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        # What is ignored or blocked here would be so in every program that we start; a handler is not passed on.
        for number in _OURS | _ignored():
            signal.signal(number, _only_wake)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        loop.watch(self._read_fd, lambda events: self._on_signals())

    def _on_signals(self) -> None:
        numbers = os.read(self._read_fd, 4096)
        self.reap()
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._asked_to_leave()

    def reap(self) -> None:
        """Collects every child that has ended by now."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, status)


def _ignored() -> set[signal.Signals]:
    """What whoever started us had us ignore: a shell does so with SIGINT and SIGQUIT of what it puts behind itself."""
    return {number for number in signal.Signals if signal.getsignal(number) == signal.SIG_IGN}


def _only_wake(number: int, frame: object) -> None:
    """The wakeup descriptor does the work."""
