"""What the contract is held to: the bus and the store in memory, and those on a NATS server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.bus.memory import MemoryBus, MemoryNetwork
from proto.bus.nats import NatsBus
from proto.bus.port import Bus
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.contract.stores import Backend, Connect, MemoryBackend, NatsBackend


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A running server; a test may kill it and start it again."""
    async with NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)) as server:
        yield server


@pytest.fixture(params=["memory", "nats"])
def server(request: pytest.FixtureRequest) -> NatsServer | None:
    """The NATS server, or None for what is in memory."""
    return request.getfixturevalue("nats_server") if request.param == "nats" else None


@pytest.fixture
async def connect(server: NatsServer | None) -> AsyncIterator[Connect]:
    """Makes connections to one bus, which are closed at the end."""
    opened: list[Bus] = []
    network = MemoryNetwork()

    async def make(name: str) -> Bus:
        bus: Bus = await NatsBus.connect(server.url, name=name) if server else MemoryBus(network, name)
        opened.append(bus)
        return bus

    yield make
    for bus in opened:
        await bus.close()


@pytest.fixture
async def backend(server: NatsServer | None) -> AsyncIterator[Backend]:
    """A store that several clients can share."""
    backend: Backend = NatsBackend(server) if server else MemoryBackend()
    yield backend
    await backend.close()
