"""Who calls a supervisor: by either of its names, and when it has no room for another caller."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node_agent.supervisor import client
from node_agent.supervisor.address import dial, name_without_file
from node_agent.supervisor.client import SupervisorGone, SupervisorSilent, open_line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "supervisor.sock"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        yield listener


@pytest.mark.parametrize("with_file", [True, False])
def test_either_name(path: Path, listener: socket.socket, *, with_file: bool) -> None:
    listener.bind(str(path) if with_file else name_without_file(str(path)))
    listener.listen()
    dial(str(path)).close()


async def test_nobody_there(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        dial(str(path))
    with pytest.raises(SupervisorGone, match=f"no supervisor at {path}: No such file or directory"):
        await open_line(path, 1024)
    with pytest.raises(SupervisorGone):
        await open_line(path / "no" / "folder", 1024)


def test_a_strangers_name_is_not_believed(path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.bind(name_without_file(str(path)))
    listener.listen()
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(FileNotFoundError):
        dial(str(path))


async def test_a_crowd_is_waited_for_but_not_for_ever(
    path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.bind(str(path))
    listener.listen(0)
    with ExitStack() as crowd:
        with pytest.raises(BlockingIOError):
            for _ in range(100):
                crowd.enter_context(dial(str(path)))
        monkeypatch.setattr(client, "ANSWERED_WITHIN_S", 0.1)
        with pytest.raises(SupervisorSilent, match="the supervisor has taken no connection"):
            await open_line(path, 1024)
        monkeypatch.setattr(client, "ANSWERED_WITHIN_S", 10.0)
        waiting = asyncio.ensure_future(open_line(path, 1024))
        await asyncio.sleep(0)
        assert not waiting.done()
        listener.accept()[0].close()
        _, writer = await asyncio.wait_for(waiting, 10)
        writer.close()
