"""Three NATS servers as one JetStream cluster, each of which a test may kill and start again."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from setpoint.local.nats_server import find_binary

SIZE = 3

_CONFIGURATION = """\
server_name: "{name}"
listen: "127.0.0.1:{port}"
log_file: "{folder}/{name}.log"
max_payload: 4MB
jetstream {{ store_dir: "{folder}/{name}" }}
cluster {{ name: "test", listen: "127.0.0.1:{route}", routes: [{routes}] }}
"""


class NatsCluster:
    """`async with NatsCluster(folder) as cluster`: runs until the end of the block."""

    def __init__(self, folder: Path):
        self._folder = folder
        free = _free_ports(2 * SIZE)
        self._ports, self._routes = free[:SIZE], free[SIZE:]
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    @property
    def urls(self) -> list[str]:
        """Where the servers listen."""
        return [f"nats://127.0.0.1:{port}" for port in self._ports]

    async def start(self, number: int) -> None:
        """Start one server."""
        name = f"n{number}"
        file = self._folder / f"{name}.conf"
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        settings = {"name": name, "folder": self._folder, "port": self._ports[number], "route": self._routes[number]}
        file.write_text(_CONFIGURATION.format(routes=routes, **settings))
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(str(find_binary()), "-c", str(file), stdout=quiet, stderr=quiet)
        self._processes[number] = process

    async def kill(self, number: int) -> None:
        """`kill -9` one server."""
        process = self._processes.pop(number)
        process.kill()
        await process.wait()

    async def __aenter__(self) -> Self:
        await asyncio.gather(*map(self.start, range(SIZE)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*map(self.kill, list(self._processes)))


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports
