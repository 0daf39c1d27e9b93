"""`setpoint demo`, as the real program: two succeed at once; ended at any point, it leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from setpoint.local.control_groups import bases_of
from tests.waiting import eventually

STORY = (
    r"5 nodes are Ready",
    r"10 pods are Ready",
    r"all 10 answer over HTTP with their own names",
    r"-0\.\d\d s  last heartbeat of m\d",
    r"\+[23]\.\d\d s  m\d NotReady",
    r"replacements created \(2 of 2\)",
    r"replacements bound \(2 of 2\)",
    r"replacements Running \(2 of 2\)",
    r"replacements Ready \(2 of 2\)",
    r"heartbeat of m\d again",
    r"stale pods gone \(2 of 2\)",
    r"exactly 10 pods exist, and all are Ready",
    r"All was observed",
)


@dataclass(slots=True)
class Demo:
    """A demo that runs, and what it has said so far. All its folders are below `folder`."""

    folder: Path
    process: asyncio.subprocess.Process
    said: str = ""
    reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, folder: Path, *arguments: str) -> Demo:
        folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "setpoint.cli.main", "demo", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )
        demo = cls(folder, process)
        demo.reader = asyncio.create_task(demo.read())
        return demo

    async def read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said += line.decode()

    async def status(self, within_s: float = 60) -> int:
        status = await asyncio.wait_for(self.process.wait(), within_s)
        assert self.reader is not None
        await self.reader
        return status

    async def reaches(self, words: str) -> None:
        await eventually(lambda: words in self.said, within_s=60, what=f"{words!r} in {self.said!r}")

    def bridge(self) -> str:
        found = re.search(r"on the bridge (sp\d+)", self.said)
        return found[1] if found else ""

    def processes(self) -> list[Path]:
        """All processes that have to do with this demo, workloads by their environment."""
        return [process for process in Path("/proc").glob("[0-9]*") if str(self.folder) in all_words(process)]

    def control_groups(self) -> frozenset[Path]:
        """The folders of its machines' groups, in every hierarchy."""
        return bases_of(int(process.name) for process in self.processes())

    def links(self) -> list[str]:
        return [name for _, name in socket.if_nameindex() if name.split("-")[0] == self.bridge()]


def all_words(process: Path) -> str:
    """Arguments and environment of a process."""
    try:
        return ((process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()).decode(
            errors="replace"
        )
    except OSError:
        return ""


@dataclass(slots=True)
class Demos:
    """Starts demos, and ends those that a failed test leaves."""

    folder: Path
    started: list[Demo] = field(default_factory=list)

    async def start(self, *arguments: str) -> Demo:
        demo = await Demo.start(self.folder / f"demo-{len(self.started)}", *arguments)
        self.started.append(demo)
        return demo


@pytest.fixture
async def demos(tmp_path: Path) -> AsyncIterator[Demos]:
    started = Demos(tmp_path)
    yield started
    for demo in started.started:
        if demo.process.returncode is None:
            demo.process.terminate()
        await demo.status()


def leaves_nothing(demo: Demo) -> None:
    assert list(demo.folder.iterdir()) == []
    assert demo.processes() == []
    assert demo.links() == []


async def test_two_at_once_observe_everything(demos: Demos) -> None:
    both = [await demos.start("--isolation", kind) for kind in ("auto", "groups")]
    for demo in both:
        assert await demo.status(within_s=110) == 0, demo.said
        for words in STORY:
            assert re.search(words, demo.said), f"{words!r} in {demo.said!r}"
        leaves_nothing(demo)
    assert "process groups on loopback (asked for)" in both[1].said


@pytest.mark.parametrize(
    ("words", "number", "status"),
    [
        pytest.param("machines:", signal.SIGINT, 130, id="while the machines start"),
        pytest.param("3  Machine", signal.SIGTERM, 143, id="while a machine is cut off"),
    ],
)
async def test_an_end_at_any_point_leaves_nothing(
    demos: Demos, words: str, number: signal.Signals, status: int
) -> None:
    demo = await demos.start()
    await demo.reaches(words)
    demo.process.send_signal(number)
    assert await demo.status() == status, demo.said
    assert "Traceback" not in demo.said
    leaves_nothing(demo)


async def test_impatience_does_not_cut_the_cleaning_short(demos: Demos) -> None:
    demo = await demos.start()
    await demo.reaches("2  Deployment")
    demo.process.send_signal(signal.SIGINT)
    await demo.reaches("taking the cluster down")
    demo.process.send_signal(signal.SIGINT)
    assert await demo.status() == 130
    assert "still cleaning up" in demo.said
    leaves_nothing(demo)


async def test_even_kill_9_leaves_no_process_and_no_control_group(demos: Demos) -> None:
    demo = await demos.start()
    await demo.reaches("all 10 answer")
    assert len(demo.processes()) > 10
    groups = demo.control_groups()
    demo.process.kill()
    await demo.status()
    await eventually(lambda: demo.processes() == [], what="everything dies with its owner")
    await eventually(lambda: [group for group in groups if group.exists()] == [], what="the groups are removed")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(None, r"cannot read .*web\.yaml: No such file or directory", id="missing"),
        pytest.param("kind: Pod", r"web\.yaml does not hold a Deployment", id="something else"),
        pytest.param("a: b: c", r"web\.yaml is not one YAML document: ", id="not YAML"),
    ],
)
async def test_a_manifest_that_cannot_be_used_is_named(
    demos: Demos, tmp_path: Path, manifest: str | None, message: str
) -> None:
    file = tmp_path / "web.yaml"
    if manifest is not None:
        file.write_text(manifest)
    demo = await demos.start("--manifest", str(file))
    assert await demo.status() == 1
    assert re.search(message, demo.said)
    assert demo.said.count("\n") == 1


async def test_what_was_not_observed_is_named_and_fails(demos: Demos, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(
        """
        {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2,
          selector: {matchLabels: {app: web}},
          template: {metadata: {labels: {app: web}}, spec: {containers: [
            {name: main, command: [sleep, infinity]}]}}}}
        """
    )
    demo = await demos.start("--manifest", str(file), "--machines", "2")
    assert await demo.status() == 1
    assert "setpoint demo: not observed an HTTP answer of web-" in demo.said
    leaves_nothing(demo)
