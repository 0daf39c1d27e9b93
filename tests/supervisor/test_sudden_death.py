"""A supervisor that dies between any two writes loses no output, repeats none, and garbles none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node_agent.supervisor.logfile import RotatedLog
from node_agent.supervisor.output import Stream


class Killed(BaseException):
    """Stands for SIGKILL."""


class StillLoop:
    """A loop in which nothing happens by itself."""

    def watch(self, fd: int, callback: Callable[[int], None]) -> None:
        pass

    def forget(self, fd: int) -> None:
        pass


class Deadline:
    """Kills at the n-th of the calls that it wraps, before it or halfway through it."""

    def __init__(self, after: int, *, torn: bool):
        self.left = after
        self._torn = torn

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, data: bytes, *rest: int) -> Any:
            self.left -= 1
            if self.left == 0:
                if self._torn and len(data) > 64:  # A mark is too small to be torn.
                    real(fd, data[: len(data) // 2], *rest)
                raise Killed
            return real(fd, data, *rest)

        return call


def printed(lines: int) -> list[bytes]:
    """What a program prints, in pieces that end within lines."""
    text = b"".join(b"line %d %s\n" % (number, b"x" * (number % 700)) for number in range(lines))
    return [text[at : at + 9_973] for at in range(0, len(text), 9_973)]


def lines_of(log: Path) -> list[bytes]:
    files = [log.with_name(f"{log.name}.{age}") for age in range(30, 0, -1)]
    whole = b"".join(file.read_bytes() for file in [*files, log] if file.exists())
    return [record.split(b" ", 3)[3] for record in whole.splitlines()]


@pytest.mark.parametrize("torn", [False, True], ids=["between two writes", "within a write"])
@pytest.mark.parametrize("log_bytes_max", [10_000_000, 40_000], ids=["one file", "rotated"])
def test_a_death_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool, log_bytes_max: int) -> None:
    pieces, real_write, real_pwrite = printed(600), os.write, os.pwrite
    wanted = b"".join(pieces).splitlines()
    deadly = 0
    while True:
        deadly += 1
        folder, log = tmp_path / str(deadly), tmp_path / f"{deadly}.log"
        folder.mkdir()
        os.mkfifo(folder / "stdout")
        fifo = os.open(folder / "stdout", os.O_RDWR)

        def stream(folder: Path = folder, log: Path = log) -> Stream:
            fd = os.open(folder / "stdout", os.O_RDONLY | os.O_NONBLOCK)
            kept = RotatedLog(str(log), log_bytes_max, 30)
            return Stream("stdout", fd, str(folder), kept, StillLoop(), lambda *_: None)  # type: ignore[arg-type]

        deadline = Deadline(deadly, torn=torn)
        living, died = stream(), False
        for piece in pieces:
            real_write(fifo, piece)
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", deadline.around(real_write))
                patched.setattr(os, "pwrite", deadline.around(real_pwrite))
                try:
                    living.pump()
                except Killed:
                    died = True
            if died and deadline.left == 0:
                deadline.left = -1
                living = stream()
                living.pump()
        os.close(fifo)
        living.finish()
        assert lines_of(log) == wanted, f"killed at write {deadly}"
        if not died:
            assert deadly > 20
            return
