"""Someone at a real terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios

from tests.streams.conftest import Stage
from tests.waiting import eventually


class Person:
    """Someone at a terminal who calls `setpoint`."""

    def __init__(self, stage: Stage, *words: str) -> None:
        self.seen = b""
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            environment = {**os.environ, "NATS_URL": stage.call.url, "TERM": "vt220"}
            os.execve(sys.executable, [sys.executable, "-m", "setpoint.cli.main", *words], environment)
        os.set_blocking(self._fd, False)
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def types(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def sees(self, *texts: str) -> None:
        """One of the texts shows."""
        await eventually(lambda: any(text.encode() in self.seen for text in texts), every_s=0.001, what=f"{texts}")

    async def ends(self) -> int:
        """The exit status."""
        status = await asyncio.to_thread(lambda: os.waitpid(self._pid, 0)[1])
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> None:
        try:
            self.seen += os.read(self._fd, 65536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._fd)
