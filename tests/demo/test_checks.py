"""What the demo asks of the world: real sockets and real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proto.clock import SystemClock
from proto.objects.pod import Pod
from setpoint.demo.checks import fetch, http_address, pods_with_processes, silent_pods
from setpoint.demo.lives import saw_pod
from setpoint.local.groups import GroupFleet
from tests.waiting import eventually


def pod(name: str, port: int) -> Pod:
    return Pod.model_validate(
        {
            "metadata": {"name": name, "uid": name},
            "spec": {"containers": [{"name": "server", "ports": [{"containerPort": 0}]}]},
            "status": {
                "podIP": "127.0.0.1",
                "containerStatuses": [{"name": "server", "ports": [{"containerPort": port}]}],
            },
        }
    )


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def test_the_address_is_the_machines_and_the_port_that_was_given() -> None:
    assert http_address(pod("web-1", 31000)) == ("127.0.0.1", 31000)
    assert http_address(pod("web-1", 0)) is None
    assert http_address(Pod()) is None


async def test_an_answer_is_read() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\nweb-1 on m1\n") as port:
        assert await fetch(("127.0.0.1", port)) == "web-1 on m1\n"


@pytest.mark.parametrize("answer", [b"HTTP/1.0 500 Oh\r\n\r\n", b"", b"hello"])
async def test_anything_but_200_is_no_answer(answer: bytes) -> None:
    async with answering(answer) as port:
        with pytest.raises(OSError, match="answered"):
            await fetch(("127.0.0.1", port))


async def test_a_pod_that_answers_with_anothers_name_is_silent() -> None:
    async with answering(b"HTTP/1.0 200 OK\r\n\r\nweb-1 on m1\n") as port:
        lives = [saw_pod(None, pod(name, port), 0.0) for name in ("web-1", "web-2")]
        assert await silent_pods(lives, SystemClock(), within_s=1) == ("web-2",)


async def test_a_pod_without_a_port_is_silent_at_once() -> None:
    lives = [saw_pod(None, Pod.model_validate({"metadata": {"name": "web-1"}}), 0.0)]
    assert await silent_pods(lives, SystemClock(), within_s=3600) == ("web-1",)


async def test_processes_are_told_apart_by_the_pod_in_their_environment(tmp_path: Path) -> None:
    fleet = GroupFleet()
    machine = await fleet.add("m1", tmp_path)
    try:
        for variables in ({"POD_NAME": "web-1"}, {"POD_NAME": "web-2"}, {"NO_POD": "x"}):
            await machine.start(["/bin/sleep", "300"], env=variables)

        async def found() -> bool:
            return await pods_with_processes(machine) == ["web-1", "web-2"]

        await eventually(found)
    finally:
        await fleet.close()
