"""Lines to containers' own programs, over a real bus, from a shell and from a terminal."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncGenerator

import pytest

from proto.duplex import converse
from proto.errors import BadRequest
from proto.frames import ENDED, STDIN, frame, how_it_ended
from proto.streams import open_stream
from tests.streams.conftest import Stage
from tests.streams.person import Person
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALKS = """\
while read line; do
  echo got $line
  case $line in size) stty size;; end) exit 4;; esac
done
echo over
exec sleep 1000
"""


async def make(stage: Stage, name: str, script: str = TALKS, **stdio: bool) -> None:
    """A new pod of that name, of one container."""
    container = {"name": "app", "command": ["sh", "-c", script], **stdio}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    await stage.call("apply", "-f", "-", stdin=json.dumps(pod))


async def line_of(call: asyncio.subprocess.Process) -> bytes:
    assert call.stdout is not None
    async with asyncio.timeout(20):
        return await call.stdout.readline()


async def test_input_goes_in_output_comes_out_and_the_exit_code_is_the_programs(stage: Stage) -> None:
    await make(stage, "chat", stdin=True)
    watching = await stage.call.start("attach", "chat")
    talking = await stage.call.start("attach", "-i", "chat")
    assert talking.stdin is not None

    async def both_hear() -> bool:
        assert talking.stdin is not None
        talking.stdin.write(b"words\n")
        async with asyncio.timeout(0.2):
            assert watching.stdout is not None
            return await watching.stdout.readline() == b"got words\n"

    await eventually(lambda: _patiently(both_hear), what="both are attached")
    talking.stdin.write(b"end\n")
    for call in (talking, watching):
        out, _ = await call.communicate()
        assert out.endswith(b"got end\n") and call.returncode == 4


async def _patiently(check):  # type: ignore[no-untyped-def]
    try:
        return await check()
    except TimeoutError:
        return False


async def test_stdin_once_ends_with_a_client_that_vanishes(stage: Stage) -> None:
    await make(stage, "once", stdin=True, stdinOnce=True)
    call = await stage.call.start("attach", "-i", "once")
    assert call.stdin is not None
    call.stdin.write(b"words\n")
    assert await line_of(call) == b"got words\n"
    call.send_signal(signal.SIGKILL)
    await call.wait()
    logs = await stage.call.start("logs", "-f", "once")
    assert (await line_of(logs), await line_of(logs)) == (b"got words\n", b"over\n")
    logs.send_signal(signal.SIGINT)
    await logs.wait()
    refused = await stage.call("attach", "-i", "once", ok=False)
    assert (refused.status, "has ended with the first client" in refused.err) == (1, True)


async def test_a_terminal(stage: Stage) -> None:
    await make(stage, "shell", stdin=True, tty=True)
    person = Person(stage, "attach", "-it", "shell")
    await person.sees("try pressing enter")
    person.types("words\n")
    await person.sees("words\r\ngot words\r\n")
    person.resize(101, 33)

    async def resized() -> bool:
        person.types("size\n")
        return b"\n33 101\r\n" in person.seen

    await eventually(resized, every_s=0.1)
    person.types("end\n")
    assert await person.ends() == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("no",), 'pods "no" not found', id="pod"),
        pytest.param(("web", "-c", "no"), "container no is not in pod web", id="container"),
        pytest.param(("web", "-i", "-c", "app"), 'container "app" in pod "web" was started without `stdin: true`',
                     id="no-stdin"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_said(stage: Stage, words: tuple[str, ...], message: str) -> None:
    ended = await stage.call("attach", *words, ok=False)
    assert ended.status == 1
    assert message in ended.err


async def test_what_has_ended_is_not_talked_to(stage: Stage) -> None:
    await make(stage, "done", "true")
    await stage.call("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/done")
    ended = await stage.call("attach", "done", ok=False)
    assert "cannot attach a container in a completed pod; current phase is Succeeded" in ended.err
    not_running = "unable to forward port because pod is not running. Current status=Succeeded"
    assert not_running in (await stage.call("port-forward", "done", "80", ok=False)).err
    request = json.dumps({"namespace": "default", "pod": "done", "port": 80}).encode()
    with pytest.raises(BadRequest, match=not_running):
        await anext(open_stream(stage.bus, "sp.node.m1.down.portforward", request))


async def test_a_container_without_terminal_is_no_terminal(stage: Stage) -> None:
    call = await stage.call.start("attach", "-t", "web", "-c", "app")
    assert call.stderr is not None
    async with asyncio.timeout(10):
        line = await call.stderr.readline()
    assert line == b"error: Unable to use a TTY - container app did not allocate one\n"
    call.send_signal(signal.SIGINT)
    await call.wait()


async def test_run_converses_and_cleans_up(stage: Stage) -> None:
    call = await stage.call.start("run", "-i", "--rm", "--restart=Never", "counter", "--", "sh", "-c", "wc -c; exit 7")
    out, err = await call.communicate(b"12345")
    assert (out.split(), call.returncode) == ([b"5"], 7)
    assert b'pod "counter" deleted' in err


async def test_anyone_who_knows_the_frames_may_attach(stage: Stage) -> None:
    await make(stage, "frames", stdin=True)
    await stage.call("wait", "--for=condition=Ready", "pod/frames")

    async def words() -> AsyncGenerator[bytes, None]:
        yield frame(STDIN, b"end\n")

    request = json.dumps({"namespace": "default", "pod": "frames", "stdin": True}).encode()
    heard = [chunk async for chunk in converse(stage.bus, "sp.node.m1.down.attach", request, words())]
    assert heard[0][1:] == b"got end\n"
    assert heard[-1][0] == ENDED and how_it_ended(heard[-1][1:]) == (4, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("-t",), "-i/--stdin is required for containers with -t/--tty", id="tty"),
        pytest.param(("--rm",), "--rm should only be used for attached containers", id="rm"),
        pytest.param(("-i", "--dry-run=server"), "--dry-run starts nothing that could be attached to", id="dry-run"),
    ],
)
async def test_a_run_that_makes_no_sense(stage: Stage, words: tuple[str, ...], message: str) -> None:
    assert message in (await stage.call("run", "x", *words, "--", "cat", ok=False)).err
