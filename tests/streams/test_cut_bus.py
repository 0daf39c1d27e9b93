"""The connection to NATS is cut while people talk with programs: everything ends, and says why."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from proto import streams
from tests.cli.conftest import Setpoint
from tests.streams.cable import Cable
from tests.streams.conftest import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

Process = asyncio.subprocess.Process


@pytest_asyncio.fixture(loop_scope="session")
async def cable(stage: Stage) -> AsyncIterator[Cable]:
    async with Cable(stage.cluster.url) as cable:
        yield cable


async def ends(call: Process) -> str:
    """What it says on stderr; it fails."""
    _, err = await asyncio.wait_for(call.communicate(), 20)
    assert (call.returncode, b"Traceback" in err) == (1, False), err
    return err.decode()


async def answers(stage: Stage) -> bool:
    """Whether the agent can be talked to."""
    return (await stage.call("exec", "web", "-c", "app", "--", "true", ok=False)).status == 0


async def first_line(call: Process) -> str:
    """The first line that it prints."""
    assert call.stdout is not None
    return (await asyncio.wait_for(call.stdout.readline(), 10)).decode()


async def test_a_cut_ends_every_stream_and_says_why(stage: Stage, cable: Cable, tmp_path: Path) -> None:
    call = Setpoint(cable.url, tmp_path)
    folder = Path((await stage.call("exec", "web", "-c", "app", "--", "pwd")).out.strip())
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(8 << 30)

    execution = await call.start("exec", "web", "-c", "app", "--", "sh", "-c", "echo begun; sleep 4814")
    attached = await call.start("attach", "talk", "-c", "count")
    reading = await call.start("logs", "talk", "-c", "much")
    copy = await call.start("cp", "-c", "app", str(endless), "web:cut-off")
    for each in (execution, attached, reading):
        await first_line(each)
    await eventually(lambda: list(folder.glob(".setpoint-copy-*")))
    await cable.cut()

    for each in (execution, attached):
        broke = "the conversation with the agent of node m1 broke off: the connection to the NATS server broke"
        assert broke in await ends(each)
    assert "the output of pod talk broke off: the connection to the NATS server broke" in await ends(reading)
    assert "the copy broke off: the connection to the NATS server broke" in await ends(copy)
    await eventually(lambda: not list(folder.glob(".setpoint-copy-*")), within_s=2 * streams.SILENT_S)
    assert not (folder / "cut-off").exists()


async def test_a_cut_ends_forwarded_connections(stage: Stage, cable: Cable, tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        remote = server.sockets[0].getsockname()[1]
        call = await Setpoint(cable.url, tmp_path).start("port-forward", "web", f":{remote}")
        assert call.stderr is not None
        line = await first_line(call)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(line.split(" -> ")[0].rpartition(":")[2]))
        assert await reader.readexactly(5) == b"hello"
        await cable.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
        said = (await asyncio.wait_for(call.stderr.readline(), 10)).decode()
        assert said == f"error forwarding port {remote} to pod web: the connection to the NATS server broke\n"
        writer.close()
        call.terminate()
        await call.communicate()


async def test_a_follower_goes_on_after_breaks_without_a_line_lost_or_twice(
    stage: Stage, cable: Cable, tmp_path: Path
) -> None:
    call = await Setpoint(cable.url, tmp_path).start("logs", "-f", "--tail=1", "talk", "-c", "count")
    numbers = [int(await first_line(call))]

    async def reads(more: int) -> None:
        assert call.stdout is not None
        for _ in range(more):
            numbers.append(int(await asyncio.wait_for(call.stdout.readline(), 20)))

    await reads(10)
    await cable.cut()
    await cable.mend()
    await reads(60)
    stage.cluster.agents["m1"].program.signal(signal.SIGKILL)
    begun_s = time.monotonic()
    await reads(60)
    assert time.monotonic() - begun_s < streams.SILENT_S / 2, "the death of the agent is known, not waited for"
    call.terminate()
    await call.communicate()
    await eventually(lambda: answers(stage), what="the next agent has begun")
    assert numbers == list(range(numbers[0], numbers[0] + 131))
