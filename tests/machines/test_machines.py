"""Machines of both kinds: cut off silently, frozen, killed, healed, removed without a trace."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from setpoint.local import machines
from setpoint.local.errors import LocalError
from setpoint.local.groups import GroupFleet
from setpoint.local.machines import Fleet, Machine, open_fleet
from tests.waiting import eventually

ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    while data := connection.recv(100):
        connection.sendall(data)
"""

POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("asked"), sys.exit(0)))
print("ready")
signal.pause()
"""

KINDS = [
    pytest.param("netns", marks=pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")),
    "groups",
]


@pytest.fixture(params=KINDS)
async def fleet(request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    try:
        opened, _ = await open_fleet(request.param)
    except LocalError as error:
        pytest.skip(str(error))
    try:
        yield opened
    finally:
        await opened.close()


async def echo_server(machine: Machine) -> tuple[str, int]:
    await machine.start([sys.executable, "-I", "-S", "-c", ECHO, machine.address])
    (log,) = machine.state_dir.glob("python*.log")
    port = await eventually(lambda: log.read_text().strip())
    return machine.address, int(port)


async def echoes(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], word: bytes, within_s: float) -> bool:
    """Whether the word comes back in time; an end or a reset of the connection raises instead."""
    reader, writer = connection
    writer.write(word)
    try:
        answer = await asyncio.wait_for(reader.readexactly(len(word)), within_s)
    except TimeoutError:
        return False
    return answer == word


async def test_a_cut_is_silent_and_heals(fleet: Fleet, tmp_path: Path) -> None:
    machine = await fleet.add("m1", tmp_path / "m1")
    address, port = await echo_server(machine)
    connection = await asyncio.open_connection(address, port)
    assert await echoes(connection, b"before", 5)

    await machine.cut()
    assert not await echoes(connection, b"during", 0.5)

    await machine.heal()
    # TCP itself delivers what was sent meanwhile: the connection never learned of the cut.
    reader, writer = connection
    assert await asyncio.wait_for(reader.readexactly(6), 10) == b"during"
    writer.close()
    await writer.wait_closed()


async def test_a_cut_network_times_out_instead_of_refusing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    fleet, _ = await open_fleet("netns")
    try:
        one, two = [await fleet.add(name, tmp_path / name) for name in ("m1", "m2")]
        address, port = await echo_server(one)
        connect = f"import socket; socket.create_connection(({address!r}, {port}), 0.7)"
        argv = [sys.executable, "-I", "-S", "-c", connect]
        assert await (await two.start(argv)).wait() == 0
        await one.cut()
        assert await (await two.start(argv)).wait() == 1
        assert "TimeoutError: timed out" in next(two.state_dir.glob("python*.log")).read_text()
        await one.heal()
        assert await (await two.start(argv)).wait() == 0
        assert one.address != two.address
    finally:
        await fleet.close()


async def test_a_frozen_machine_answers_nothing_until_thawed(fleet: Fleet, tmp_path: Path) -> None:
    machine = await fleet.add("m1", tmp_path / "m1")
    connection = await asyncio.open_connection(*await echo_server(machine))
    await machine.freeze()
    assert not await echoes(connection, b"frozen", 0.3)
    await machine.thaw()
    reader, writer = connection
    assert await asyncio.wait_for(reader.readexactly(6), 5) == b"frozen"
    writer.close()
    await writer.wait_closed()


async def test_killing_all_leaves_nothing_and_the_machine_usable(fleet: Fleet, tmp_path: Path) -> None:
    machine = await fleet.add("m1", tmp_path / "m1")
    other = await fleet.add("m2", tmp_path / "m2")
    bystander = await other.start(["/bin/sleep", "300"])
    await machine.start(["/bin/sh", "-c", "sleep 300 & setsid sleep 300 & sleep 300"])
    await machine.kill_all()
    assert await machine.processes() == ()
    assert await other.processes() == (bystander.pid,)
    assert await (await machine.start(["/bin/true"])).wait() == 0


async def test_power_off_asks_first(fleet: Fleet, tmp_path: Path) -> None:
    machine = await fleet.add("m1", tmp_path / "m1")
    await machine.start([sys.executable, "-I", "-S", "-u", "-c", POLITE])
    (log,) = machine.state_dir.glob("python*.log")
    await eventually(lambda: log.read_text() == "ready\n")
    await machine.power_off(5)
    assert log.read_text() == "ready\nasked\n"
    assert await machine.processes() == ()


async def test_closing_leaves_no_process_and_no_link(fleet: Fleet, tmp_path: Path) -> None:
    before = links()
    machine = await fleet.add("m1", tmp_path / "m1")
    program = await machine.start(["/bin/sleep", "300"])
    await fleet.close()
    assert not Path(f"/proc/{program.pid}").exists()
    assert not {name for name in links() - before if name.startswith("sp")}


def links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


async def test_clusters_side_by_side_have_networks_of_their_own() -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    fleets = [fleet for fleet, _ in await asyncio.gather(*(open_fleet("netns") for _ in range(3)))]
    try:
        assert len({fleet.hub_address for fleet in fleets}) == 3
    finally:
        await asyncio.gather(*(fleet.close() for fleet in fleets))


async def test_a_dead_runs_bridge_is_removed_by_the_next(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    program = (
        "import asyncio, pathlib, sys\n"
        "from setpoint.local.machines import open_fleet\n"
        "async def main():\n"
        "    fleet, _ = await open_fleet('netns')\n"
        "    await fleet.add('m1', pathlib.Path(sys.argv[1]))\n"
        "    print(fleet.kind.split()[5], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path), stdout=subprocess.PIPE)
    assert dead.stdout is not None
    bridge = (await dead.stdout.readline()).decode().strip()
    assert bridge in links()
    dead.kill()
    await dead.wait()
    assert bridge in links()
    fleet, _ = await open_fleet("netns")
    owner_of_bridge = fleet.kind.split()[5]
    await fleet.close()
    assert owner_of_bridge == bridge or bridge not in links()
    await eventually(lambda: not {name for name in links() if name.startswith(f"{bridge}-")})


async def test_without_root_the_machines_are_groups_and_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines.os, "geteuid", lambda: 1000)
    fleet, why = await open_fleet("auto")
    assert isinstance(fleet, GroupFleet)
    assert why == "network namespaces are impossible here: not running as root"
    with pytest.raises(LocalError, match="network namespaces are impossible here: not running as root"):
        await open_fleet("netns")
