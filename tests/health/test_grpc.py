"""gRPC probes: what answers of the health checking protocol mean, and what is no answer at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from tests.health.test_actions import free_port, look, server

UNIMPLEMENTED = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
FAILED = "error: health rpc probe failed: "


@dataclass
class Health:
    """A program that speaks gRPC: it answers every call with this, and keeps what it was asked."""

    status: bytes = b"\x08\x01"
    code: str = "0"
    message: str = ""
    http_status: str = "200"
    silent: bool = False
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        tasks: list[asyncio.Task[None]] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.append(task)
            with contextlib.suppress(OSError), contextlib.closing(writer):
                await self._converse(reader, writer)

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            await asyncio.gather(*tasks)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        talk.initiate_connection()
        headers: dict[str, str] = {}
        body = b""
        while received := await reader.read(65536):
            for event in talk.receive_data(received):
                if isinstance(event, RequestReceived):
                    headers = {str(name): str(value) for name, value in event.headers or ()}
                elif isinstance(event, DataReceived):
                    body += event.data or b""
                elif isinstance(event, StreamEnded):
                    self.asked.append((headers, body))
                    self._answer(talk)
            writer.write(talk.data_to_send())
            await writer.drain()

    def _answer(self, talk: H2Connection) -> None:
        if self.silent:
            return
        trailer = [("grpc-status", self.code), ("grpc-message", self.message)] if self.code else []
        if self.code == "0":
            talk.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
            talk.send_data(1, b"\0" + len(self.status).to_bytes(4, "big") + self.status)
            talk.send_headers(1, trailer, end_stream=True)
        else:
            talk.send_headers(1, [(":status", self.http_status), *trailer], end_stream=True)


@pytest.mark.parametrize(
    ("health", "verdict", "message"),
    [
        (Health(), "success", ""),
        (Health(b""), "failure", 'service unhealthy (responded with "UNKNOWN")'),
        (Health(b"\x08\x02"), "failure", 'service unhealthy (responded with "NOT_SERVING")'),
        (Health(b"\x08\x09"), "failure", 'service unhealthy (responded with "9")'),
        (Health(b"\x12\x01a"), "failure", f"{FAILED}the answer is no HealthCheckResponse"),
        (Health(code="5", message="no%20such"), "failure", f"{FAILED}rpc error: code = NotFound desc = no such"),
        (Health(code="77"), "failure", f"{FAILED}rpc error: code = Code(77) desc = "),
        (Health(code="12", message="what?"), "failure", f"{UNIMPLEMENTED}what?"),
        (Health(code="", http_status="404"), "failure",
         f"{FAILED}unexpected HTTP status code received from server: 404"),
        (Health(silent=True), "failure", "timeout: health rpc did not complete within 1s"),
    ],
    ids=["serving", "unknown", "not serving", "other", "no status", "no service", "code", "no protocol", "http",
         "silent"],
)  # fmt: skip
async def test_answers(health: Health, verdict: str, message: str) -> None:
    async with health.serving() as port:
        seen = await look(port, grpc={"port": port})
    assert (seen.verdict, seen.message) == (verdict, message)


@pytest.mark.parametrize(
    ("service", "sent"), [("", b""), ("web", b"\x0a\x03web"), ("x" * 200, b"\x0a\xc8\x01" + b"x" * 200)]
)
async def test_what_is_asked(service: str, sent: bytes) -> None:
    health = Health()
    async with health.serving() as port:
        await look(port, grpc={"port": "web", "service": service})
    ((headers, body),) = health.asked
    assert headers[":path"] == "/grpc.health.v1.Health/Check" and headers["content-type"] == "application/grpc"
    assert body == b"\0" + len(sent).to_bytes(4, "big") + sent


async def test_what_is_no_answer() -> None:
    port = free_port()
    where = f"127.0.0.1:{port}"
    refused = f'error: failed to connect service "{where}": dial tcp {where}: connect: connection refused'
    assert (await look(port, grpc={"port": port})).message == refused
    async with server(lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert (await look(port, grpc={"port": port})).message.startswith(FAILED)
    async with server(lambda request: b"") as port:
        closed = f"{FAILED}the connection was closed before an answer came"
        assert (await look(port, grpc={"port": port})).message == closed
    assert (await look(1, grpc={"port": "nowhere"})).message == "couldn't find port: 'nowhere'"
