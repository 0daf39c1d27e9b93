"""The embedded NATS server: starts, keeps its port over a restart, says why it cannot start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from setpoint.local import nats_server
from setpoint.local.errors import LocalError
from setpoint.local.nats_probe import jetstream_answers
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.waiting import eventually


def port_of(server: NatsServer) -> int:
    return int(server.url.rpartition(":")[2])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"


async def test_it_is_ready_when_start_returns(tmp_path: Path) -> None:
    async with NatsServer(NatsOptions(tmp_path)) as server:
        assert await jetstream_answers("127.0.0.1", port_of(server))


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_it_keeps_its_port_over_a_restart(tmp_path: Path, end: str) -> None:
    async with NatsServer(NatsOptions(tmp_path)) as server:
        url = server.url
        await getattr(server, end)()
        assert not await jetstream_answers("127.0.0.1", port_of(server))
        await server.start()
        assert server.url == url
        assert await jetstream_answers("127.0.0.1", port_of(server))


async def test_every_write_is_synced_unless_asked_otherwise(tmp_path: Path) -> None:
    async with NatsServer(NatsOptions(tmp_path / "durable")):
        assert "sync_interval: always" in (tmp_path / "durable" / "nats-server.conf").read_text()
    async with NatsServer(NatsOptions(tmp_path / "fast", sync_always=False)):
        assert "sync_interval" not in (tmp_path / "fast" / "nats-server.conf").read_text()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LocalError, match=f"127.0.0.1:{port}: Address already in use; choose another port"):
            await NatsServer(NatsOptions(tmp_path, port=port)).start()


async def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_server, "_DISTRIBUTION", "nats-server-that-is-not-there")
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="no nats-server program found: install it with"):
        await NatsServer(NatsOptions(tmp_path)).start()


async def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match=r"cannot write to .*/file/nats: Not a directory"):
        await NatsServer(NatsOptions(tmp_path / "file" / "nats")).start()


async def test_the_servers_own_last_words_are_told(tmp_path: Path) -> None:
    (tmp_path / "jetstream").touch()
    with pytest.raises(LocalError, match=r"the NATS server ended with status 1: .*storage directory"):
        async with NatsServer(NatsOptions(tmp_path)):
            pass


async def test_none_is_left_when_the_owner_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from setpoint.local.nats_server import NatsOptions, NatsServer\n"
        "async def main():\n"
        "    server = NatsServer(NatsOptions(pathlib.Path(sys.argv[1])))\n"
        "    print((await server.start()).pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid = int(await owner.stdout.readline())
    assert is_alive(pid)
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    await eventually(lambda: not is_alive(pid), what="the server dies with its owner")
