"""The drivers here keep the promises of the port."""

import asyncio
from pathlib import Path

from node_agent.runtime.conformance import (
    AttachConformance,
    CommandsConformance,
    LimitsConformance,
    ProcessesConformance,
    ProgramConformance,
    Programs,
    ResizeConformance,
    Rig,
    RuntimeConformance,
    TerminalConformance,
    TreeKillConformance,
)
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import RuntimeSettings
from node_agent.runtime.process import ProcessRuntime

FAKE_PROGRAMS = Programs(
    runs=("fake",),
    exits=("fake", "--exit-after", "0.05", "--code", "3"),
    succeeds=("fake", "--exit-after", "0.05"),
    stubborn=("fake", "--ignore-term"),
    missing=("fake", "--fail-start", "ENOENT"),
    prints=False,
)


class TestFake(RuntimeConformance, ResizeConformance, AttachConformance, ProcessesConformance):
    """Its object is the machine, so a restarted agent is given the same one; its clock is the loop's."""

    def make_rig(self, folder: Path) -> Rig:
        machine = FakeRuntime(RuntimeSettings("conformance", folder))
        return Rig(folder, lambda _: machine, FAKE_PROGRAMS, now_s=asyncio.get_running_loop().time)


class TestProcess(
    RuntimeConformance,
    ProgramConformance,
    CommandsConformance,
    AttachConformance,
    TerminalConformance,
    ProcessesConformance,
    LimitsConformance,
    ResizeConformance,
    TreeKillConformance,
):
    def make_rig(self, folder: Path) -> Rig:
        return Rig(folder, ProcessRuntime)
