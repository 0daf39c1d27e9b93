"""Our ends of a command's stdin, stdout and stderr: three pipes, or one terminal.

The other ends stay open here until the command has ended, because the runtime opens them by their path when it starts
the command. So the end of the output is not told by the pipes, but by the end of the command.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from contextlib import suppress

from node_agent.runtime.abilities import CommandFiles
from proto.frames import STDERR, STDOUT, Channel
from proto.node import TerminalSize

PIPE_BYTES = 256 * 1024
"""What a command may print before it waits for us: one chunk of a stream."""


class Ends:
    """`files` is for the command, `outputs` are the descriptors to read from, `input` the one to write to (or None)."""

    def __init__(self, files: CommandFiles, outputs: dict[Channel, int], own: list[int], writer: int | None) -> None:
        self.files = files
        self.outputs = outputs
        self.input = writer
        self._open = own
        for fd in (*outputs.values(), *([] if writer is None else [writer])):
            os.set_blocking(fd, False)

    @classmethod
    def of_pipes(cls, *, stdin: bool) -> Ends:
        """Three pipes; without `stdin` the command reads from /dev/null."""
        own: list[int] = []
        reader, writer = os.pipe() if stdin else (None, None)
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        for fd in (out, err):
            with suppress(OSError):  # A user has only so many pages of pipes; the usual size is merely slower.
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        own += [fd for fd in (reader, writer, out, out_writer, err, err_writer) if fd is not None]
        files = CommandFiles("/dev/null" if reader is None else _path(reader), _path(out_writer), _path(err_writer))
        return cls(files, {STDOUT: out, STDERR: err}, own, writer)

    @classmethod
    def of_terminal(cls, size: TerminalSize, *, stdin: bool) -> Ends:
        """A terminal of that size; without `stdin` nothing is ever typed."""
        ours, theirs = os.openpty()
        path = os.ttyname(theirs)
        ends = cls(CommandFiles(path, path, path, terminal=True), {STDOUT: ours}, [ours, theirs], ours)
        ends.resize(size.columns, size.rows)
        ends.input = ours if stdin else None
        return ends

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal, if it is one, another size; the programs on it are told (SIGWINCH)."""
        if self.files.terminal and 0 < columns < 1 << 16 and 0 < rows < 1 << 16:
            fcntl.ioctl(self.outputs[STDOUT], termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end_input(self) -> None:
        """Nothing more is written. (A terminal has no such end: there it is a character that people type.)"""
        if self.input is not None and not self.files.terminal:
            self._open.remove(self.input)
            os.close(self.input)
        self.input = None

    def close(self) -> None:
        """Close everything; a command that still uses it is told as by a terminal that is switched off."""
        self.input = None
        while self._open:
            os.close(self._open.pop())


def _path(fd: int) -> str:
    """The name by which the runtime opens a pipe of ours."""
    return f"/proc/{os.getpid()}/fd/{fd}"
