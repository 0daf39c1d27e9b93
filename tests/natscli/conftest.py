"""A cluster and a real `nats` command: the client that users have who have nothing of ours.

The command is built once by Go's own tool and kept in the user's cache folder. A first build downloads and compiles for
minutes, so the tests of this room have a longer limit than others.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from setpoint.local.cluster import ClusterShape, LocalCluster

VERSION = "v0.5.0"
PACKAGE = f"github.com/nats-io/natscli/nats@{VERSION}"
BUILD_S_MAX = 900


@pytest.fixture(scope="session")
def nats_command() -> Path:
    """The path of `nats`, built if it is not there yet."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "setpoint-tests" / f"natscli-{VERSION}"
    command = cache / "nats"
    if not command.exists():
        if shutil.which("go") is None:
            pytest.skip("building the nats command needs Go")
        environment = {**os.environ, "GOBIN": str(cache), "CGO_ENABLED": "0"}
        build = subprocess.run(
            ["go", "install", PACKAGE], env=environment, timeout=BUILD_S_MAX, capture_output=True, text=True
        )
        assert build.returncode == 0, build.stderr
    return command


@dataclass(frozen=True, slots=True)
class NatsCommand:
    """Sends requests to a cluster as a person at a shell does."""

    command: Path
    url: str

    async def request(self, subject: str, body: object = "", *, headers: Sequence[str] = (), replies: int = 1) -> str:
        """The replies to one request, as printed with `--raw`."""
        text = body if isinstance(body, str) else json.dumps(body)
        flags = [word for header in headers for word in ("-H", header)]
        process = await asyncio.create_subprocess_exec(
            *(self.command, "--server", self.url, "req", "--raw", "--timeout", "10s", "--replies", str(replies)),
            *(*flags, subject, text),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, problems = await process.communicate()
        assert process.returncode == 0, problems.decode()
        return output.decode()

    async def json(self, subject: str, body: object = "", *, headers: Sequence[str] = ()) -> dict[str, Any]:
        """The one reply, read as JSON.

        Raises:
            AssertionError: nobody answered, which the command tells on stderr with exit status 0.
        """
        text = await self.request(subject, body, headers=headers)
        assert text.strip(), f"no reply to {subject}"
        answer = json.loads(text)
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
async def nats(nats_command: Path, tmp_path: Path) -> AsyncIterator[NatsCommand]:
    shape = ClusterShape(data_dir=tmp_path, machines=("m1",), isolation="groups")
    async with LocalCluster(shape) as cluster:
        yield NatsCommand(nats_command, cluster.url)
