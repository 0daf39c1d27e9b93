"""A pod is on one node for life, and its processes are on one machine."""

from __future__ import annotations

from collections.abc import Iterable

from node_agent.runtime.port import ContainerState
from tests.sim.checks.check import Check
from tests.sim.machine import SimMachine


class Placement(Check):
    """That nodes change and that none is over-committed is judged by the audit itself."""

    def process(self, machine: SimMachine, state: ContainerState) -> Iterable[str]:
        uid = state.id.partition(".")[0]
        for other in self.cluster.machines:
            if state.running and other is not machine and any(name.startswith(uid) for name in other.processes()):
                yield f"pod {uid} runs on {other.name} and on {machine.name}"
