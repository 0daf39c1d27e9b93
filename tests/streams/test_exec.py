"""Commands in containers, over a real bus, with a real terminal, and clients that vanish."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest

from tests.streams.conftest import Stage
from tests.streams.person import Person
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


def running(words: str) -> bool:
    """Whether a process with exactly this command line lives."""
    wanted = words.replace(" ", "\0").encode() + b"\0"
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == wanted:
                return True
        except OSError:
            continue
    return False


async def test_a_command_has_the_surroundings_of_the_program_and_tells_its_end(stage: Stage) -> None:
    ended = await stage.call(
        "exec", "web", "--", "sh", "-c", "echo $COLOR $HOSTNAME; pwd; echo err >&2; exit 3", ok=False
    )
    color, folder = ended.out.splitlines()
    assert (ended.status, color) == (3, "red web")
    assert Path(folder).name == "files"
    assert ended.err.splitlines() == [
        'Defaulted container "app" out of: app, side', "err", "command terminated with exit code 3",
    ]  # fmt: skip


async def test_stdin_reaches_the_command_and_ends(stage: Stage) -> None:
    call = await stage.call.start("exec", "-i", "web", "-c", "app", "--", "sha256sum")
    sent = os.urandom(3_000_000)
    out, _ = await call.communicate(sent)
    assert out.split()[0].decode() == sha256(sent).hexdigest()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        pytest.param(("web", "-c", "app", "--", "no-such"), 127, "cannot execute 'no-such'", id="missing"),
        pytest.param(("web", "-c", "app", "--", "/etc/passwd"), 126, "Permission denied", id="not-executable"),
        pytest.param(("web", "-c", "app", "--", "sh", "-c", "kill -9 $$"), 137, "exit code 137", id="killed"),
        pytest.param(("web", "-c", "no", "--", "true"), 1, "container no is not in pod web", id="container"),
        pytest.param(("no", "--", "true"), 1, 'pods "no" not found', id="pod"),
        pytest.param(("web",), 1, "say what to run", id="no-command"),
        pytest.param(("web", "-c", "app", "--", "echo", "\udcff"), 1, "names and commands must be UTF-8", id="no-text"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_said(stage: Stage, words: tuple[str, ...], status: int, message: str) -> None:
    ended = await stage.call("exec", *words, ok=False)
    assert ended.status == status
    assert message in ended.err


async def test_a_terminal_is_a_terminal(stage: Stage) -> None:
    person = Person(stage, "exec", "-it", "web", "-c", "app", "--", "bash", "--norc", "--noprofile")
    await person.sees("$ ", "# ")
    person.resize(101, 33)
    person.types("stty size; echo $TERM-$((1+1))\n")
    await person.sees("33 101")
    await person.sees("vt220-2")
    person.types("sleep 4711\n")
    await eventually(lambda: running("sleep 4711"))
    person.types("\x03")
    await eventually(lambda: not running("sleep 4711"))
    person.types("exit 5\n")
    assert await person.ends() == 5


async def test_a_key_is_echoed_at_once(stage: Stage) -> None:
    person = Person(stage, "exec", "-it", "web", "-c", "app", "--", "cat")
    person.types("ready\n")
    await person.sees("ready\r\nready")
    delays_s = []
    for number in range(30):
        person.seen = b""
        began_s = time.monotonic()
        person.types(chr(ord("a") + number % 26))
        await person.sees(chr(ord("a") + number % 26))
        delays_s.append(time.monotonic() - began_s)
    person.types("\x03")
    assert await person.ends() == 130
    assert sorted(delays_s)[len(delays_s) // 2] < 0.03


@pytest.mark.parametrize(
    ("number", "length_s"),
    [pytest.param(signal.SIGKILL, "4812", id="kill"), pytest.param(signal.SIGINT, "4813", id="interrupt")],
)
async def test_the_command_ends_with_its_client(stage: Stage, number: signal.Signals, length_s: str) -> None:
    call = await stage.call.start("exec", "web", "-c", "app", "--", "sleep", length_s)
    await eventually(lambda: running(f"sleep {length_s}"))
    call.send_signal(number)
    await call.wait()
    await eventually(lambda: not running(f"sleep {length_s}"), within_s=12)


async def test_a_controllers_first_pod_is_waited_for(stage: Stage) -> None:
    await stage.call("create", "deployment", "soon", "--", "sleep", "100000")
    assert (await stage.call("exec", "deployment/soon", "--", "echo", "hello")).out == "hello\n"
    await stage.call("scale", "deployment/soon", "--replicas=0")
    await stage.call("wait", "--for=delete", "pod", "-l", "app=soon", "--timeout=60s")
    for verb, *words in (("exec", "--", "true"), ("logs",)):
        assert "deployment/soon has no pods" in (await stage.call(verb, "deployment/soon", *words, ok=False)).err


async def test_who_has_no_stdin_at_all_says_nothing(stage: Stage) -> None:
    words = ("exec", "-i", "web", "-c", "app", "--", "sh", "-c", "cat; echo end")
    environment = {**os.environ, "NATS_URL": stage.call.url}
    call = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "setpoint.cli.main", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(call.communicate(), 20)
    assert (out, call.returncode) == (b"end\n", 0)
