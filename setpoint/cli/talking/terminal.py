"""This terminal as a plain wire to another one: every key goes through, also Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def size() -> tuple[int, int]:
    """(columns, rows) of the terminal; what is usual where it does not tell."""
    for fd in (1, 0, 2):
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            continue
        if columns and rows:
            return columns, rows
    return 80, 24


@contextmanager
def raw() -> Iterator[None]:
    """Hand every key on as it is typed, and show nothing by itself; afterwards the terminal is as it was."""
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextmanager
def resizing(tell: Callable[[], object]) -> Iterator[None]:
    """Call `tell` whenever the terminal gets another size."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)
