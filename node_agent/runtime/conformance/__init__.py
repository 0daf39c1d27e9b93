"""The runtime port's sentences as tests, for whoever writes a driver.

A driver's own tests name it once for each suite whose promises it makes, and pytest runs the rest:

    from node_agent.runtime.conformance import ProgramConformance, Rig, RuntimeConformance

    class TestMyDriver(RuntimeConformance, ProgramConformance):
        def make_rig(self, folder):
            return Rig(folder, MyRuntime)

`RuntimeConformance` is what every driver owes. `ProgramConformance` is for drivers that run real programs and keep
their output, `AttachConformance`, `TerminalConformance` and `ProcessesConformance` for the abilities `Attaches` and
`TellsProcesses`, `ResizeConformance` for the abilities `Resizes` and `Levels`, `LimitsConformance` for those whose
fingerprint has the abilities `memory` and `pids`, and `TreeKillConformance` for the ability `tree-kill`. `rig.Rig`
holds what differs between drivers: how one is built, which programs play the parts, which clock grants are told in.

Needs the extra `setpoint[conformance]` (pytest and pytest-asyncio, in either of its modes). The suites take about ten
seconds and start a few dozen processes. *Never* imported by the agent.
"""

import pytest

pytest.register_assert_rewrite(
    "node_agent.runtime.conformance.attaching",
    "node_agent.runtime.conformance.commands",
    "node_agent.runtime.conformance.rig",
    "node_agent.runtime.conformance.lives",
    "node_agent.runtime.conformance.programs",
    "node_agent.runtime.conformance.resizing",
)

from node_agent.runtime.conformance.attaching import (  # noqa: E402
    AttachConformance,
    ProcessesConformance,
    TerminalConformance,
)
from node_agent.runtime.conformance.commands import CommandsConformance  # noqa: E402
from node_agent.runtime.conformance.lives import RuntimeConformance  # noqa: E402
from node_agent.runtime.conformance.programs import (  # noqa: E402
    LimitsConformance,
    ProgramConformance,
    TreeKillConformance,
)
from node_agent.runtime.conformance.resizing import ResizeConformance  # noqa: E402
from node_agent.runtime.conformance.rig import HOST_PROGRAMS, Programs, Rig, RuntimeSuite  # noqa: E402

__all__ = [
    "HOST_PROGRAMS",
    "AttachConformance",
    "CommandsConformance",
    "LimitsConformance",
    "ProcessesConformance",
    "ProgramConformance",
    "Programs",
    "ResizeConformance",
    "Rig",
    "RuntimeConformance",
    "RuntimeSuite",
    "TerminalConformance",
    "TreeKillConformance",
]
