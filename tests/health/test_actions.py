"""Looks at real sockets: what counts as success, and what people are told of a failure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node_agent.containers.operations import Operations
from node_agent.health import actions
from node_agent.health.actions import Actions
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.probes import Health, Look
from node_agent.plan.surroundings import Surroundings
from node_agent.plan.view import Target
from node_agent.runtime.fake import FakeRuntime
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from proto.clock import SystemClock
from proto.objects.health import LifecycleHandler, Probe
from tests.agent.pods import pod

POD = pod("web", {"command": ["serve"], "ports": [{"name": "web", "containerPort": 8080}]})
ACTIONS = Actions(Operations(FakeRuntime(), MemoryStorage(), AgentSettings(node="n")), SystemClock())


def target(port: int = 8080) -> Target:
    container = POD.spec.containers[0]
    ports = (container.ports[0].model_copy(update={"container_port": port}),)
    return Target(ContainerId("u-web", "app", 0), POD, container, ports, Surroundings(), None, Health())


async def look(port: int = 8080, **probe: Any) -> Look:
    return await ACTIONS.look(target(port), Probe.model_validate(probe))


Reply = Callable[[bytes], bytes | None]


@asynccontextmanager
async def server(reply: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answers each request with what `reply` makes of it; None: never."""

    tasks: list[asyncio.Task[Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with contextlib.suppress(OSError, EOFError), contextlib.closing(writer):
            answer = reply(await reader.readuntil(b"\r\n\r\n"))
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await asyncio.gather(*tasks)


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "verdict", "message"),
    [
        (status(200), "success", ""),
        (status(399), "success", ""),
        (status(400), "failure", "HTTP probe failed with statuscode: 400"),
        (status(503, body=b"x" * 100_000), "failure", "HTTP probe failed with statuscode: 503"),
        (b"HTTP/1.0 204 No Content\r\n\r\n", "success", ""),
        (status(302, "Location: http://other.example/"), "success",
         "Probe terminated redirects, Response body: "),
        (status(302), "success", ""),
        (b"", "failure", 'Get "http://127.0.0.1:PORT/": EOF'),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "failure", 'Get "http://127.0.0.1:PORT/": malformed HTTP response: '),
    ],
    ids=["200", "399", "400", "503 with a body", "1.0", "redirect elsewhere", "no location", "nothing", "not HTTP"],
)  # fmt: skip
async def test_answers(answer: bytes, verdict: str, message: str) -> None:
    async with server(lambda request: answer) as port:
        seen = await look(port, httpGet={"port": "web", "path": "/"})
    assert seen.verdict == verdict
    assert seen.message.startswith(message.replace("PORT", str(port))), seen.message


async def test_redirects_are_followed_within_the_host() -> None:
    def reply(request: bytes) -> bytes:
        return status(200) if request.startswith(b"GET /there?x=1 ") else status(301, "Location: /there?x=1")

    async with server(reply) as port:
        assert (await look(port, httpGet={"port": port, "path": "/"})).verdict == "success"
    async with server(lambda request: status(307, "Location: /")) as port:
        seen = await look(port, httpGet={"port": port, "path": "/"})
    assert seen.message == f'Get "http://127.0.0.1:{port}/": stopped after 10 redirects'


async def test_what_is_sent() -> None:
    seen: list[bytes] = []
    headers = [{"name": "Host", "value": "shop.example"}, {"name": "X-Key", "value": "k"}, {"name": "Accept"}]
    async with server(lambda request: seen.append(request) or status(200)) as port:
        await look(port, httpGet={"port": port, "path": "ready?full=1", "httpHeaders": headers})
    assert seen[0].decode().split("\r\n") == [
        "GET /ready?full=1 HTTP/1.1", "host: shop.example", "user-agent: setpoint-probe/1", "connection: close",
        "x-key: k", "", "",
    ]  # fmt: skip


async def test_a_certificate_is_not_verified(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-keyout", key, "-out",
         certificate], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with server(lambda request: status(200), context) as port:
        assert await look(port, httpGet={"port": port, "path": "/", "scheme": "HTTPS"}) == Look("success")
    async with server(lambda request: status(200)) as port:
        seen = await look(port, httpGet={"port": port, "path": "/", "scheme": "HTTPS"})
    assert seen.verdict == "failure" and seen.message.startswith(f'Get "https://127.0.0.1:{port}/": ')


async def test_nobody_listens() -> None:
    port = free_port()
    dialled = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert await look(httpGet={"port": port, "path": "/"}) == Look(
        "failure", f'Get "http://127.0.0.1:{port}/": {dialled}'
    )
    assert await look(tcpSocket={"port": port}) == Look("failure", dialled)
    assert (await look(tcpSocket={"port": port, "host": "no.such.host.invalid"})).message.startswith(
        "dial tcp: lookup no.such.host.invalid: "
    )


async def test_a_connection_is_enough_for_tcp() -> None:
    async with server(lambda request: None) as port:
        assert await look(port, tcpSocket={"port": "web"}) == Look("success")


async def test_an_answer_that_does_not_come_in_time() -> None:
    async with server(lambda request: None) as port:
        seen = await look(port, httpGet={"port": port, "path": "/"}, timeoutSeconds=1)
    words = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    assert seen == Look("failure", f'Get "http://127.0.0.1:{port}/": {words}')


@pytest.mark.parametrize("handler", ["httpGet", "tcpSocket"])
async def test_a_port_that_the_container_does_not_have(handler: str) -> None:
    assert await look(**{handler: {"port": "admin"}}) == Look("unknown", "couldn't find port: 'admin'")


@pytest.mark.parametrize("host", ["a..b", "é" * 70])
async def test_what_can_be_no_name_of_a_host(host: str) -> None:
    failed = Look("failure", f"dial tcp: lookup {host}: no such host")
    assert await look(tcpSocket={"port": 80, "host": host}) == failed
    seen = await look(httpGet={"port": 80, "host": host, "path": "/"})
    assert seen == Look("failure", f'Get "http://{host}:80/": {failed.message}')


async def test_letters_beyond_ascii_are_sent_as_browsers_send_them() -> None:
    seen: list[bytes] = []
    asked = {"path": "/é?ü=%20", "httpHeaders": [{"name": "X-Key", "value": " ö "}]}
    async with server(lambda request: seen.append(request) or status(200)) as port:
        assert (await look(port, httpGet={"port": port, **asked})).verdict == "success"
    lines = seen[0].split(b"\r\n")
    assert lines[0] == b"GET /%C3%A9?%C3%BC=%20 HTTP/1.1" and "x-key: ö".encode() in lines


async def test_a_redirect_to_no_address() -> None:
    async with server(lambda request: status(302, "Location: http://[x/")) as port:
        seen = await look(port, httpGet={"port": port, "path": "/"})
    assert seen.verdict == "failure"
    assert seen.message.startswith(f'Get "http://127.0.0.1:{port}/": failed to parse Location header "http://[x/": ')


async def test_a_fault_of_ours_says_nothing_about_the_program_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*about: object) -> None:
        raise OverflowError("too far away")

    monkeypatch.setattr(actions, "port_number", faulty)
    assert await look(tcpSocket={"port": 80}) == Look("unknown", "OverflowError: too far away")
    assert await hook(httpGet={"port": 80}) == "OverflowError: too far away"


async def hook(**handler: Any) -> str:
    return await ACTIONS.hook(target(), LifecycleHandler.model_validate(handler))


async def test_hooks_that_ask_and_wait() -> None:
    async with server(lambda request: status(200)) as port:
        assert await hook(httpGet={"port": port}) == ""
    assert (await hook(httpGet={"port": port})).startswith('HTTP lifecycle hook (/) for Container "app" in Pod "web_')
    assert await hook(sleep={"seconds": 0}) == ""
    assert "no container 'u-web.app.0'" in await hook(exec={"command": ["true"]})
