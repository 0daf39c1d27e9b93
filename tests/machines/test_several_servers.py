"""Several servers in one address, as the guide for three hubs writes it: any of them will do."""

from __future__ import annotations

from pathlib import Path

from proto.bus.nats import NatsBus
from setpoint.local.nats_server import NatsOptions, NatsServer


async def test_the_first_server_that_answers_is_taken(tmp_path: Path) -> None:
    async with NatsServer(NatsOptions(tmp_path)) as server:
        bus = await NatsBus.connect(f"nats://127.0.0.1:1,{server.url}", name="test", within_s=10)
        assert bus.connected
        await bus.close()
