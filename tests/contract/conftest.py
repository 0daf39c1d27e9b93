"""A NATS server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from setpoint.local.nats_server import NatsOptions, NatsServer


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A running server; a test may kill it and start it again."""
    async with NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)) as server:
        yield server
