"""Of a pod of a StatefulSet there is never a second process, whatever its objects say.

Judged from the machines alone. A machine that is frozen as a whole does nothing, so what it holds does not run; people
never force the deletion of such a pod here, which would give the promise up.
"""

from __future__ import annotations

from collections.abc import Iterable

from node_agent.runtime.port import ContainerState
from proto.objects.meta import Object
from proto.objects.pod import Pod
from tests.sim.checks.check import Check
from tests.sim.cluster import Cluster
from tests.sim.machine import SimMachine
from tests.sim.people import People
from tests.sim.workloads import ALL

SETS = frozenset(workload.name for workload in ALL if workload.kind.KIND == "StatefulSet")


class Ordinals(Check):
    """Names of pods by their uid, from when they were seen first."""

    def __init__(self, cluster: Cluster, people: People):
        super().__init__(cluster, people)
        self._names: dict[str, str] = {}

    def changed(self, before: Object | None, after: Object, gone: bool) -> Iterable[str]:
        if isinstance(after, Pod) and after.metadata.labels.get("app") in SETS:
            self._names[after.metadata.uid] = after.metadata.name
        return ()

    def process(self, machine: SimMachine, state: ContainerState) -> Iterable[str]:
        name = self._name(state.id)
        if not name or not state.running:
            return
        for other in self.cluster.machines:
            if other is machine or not other.powered or other.computer.program.frozen:
                continue
            if any(self._name(container) == name for container in other.processes()):
                yield f"{name} runs on {other.name} and is started on {machine.name}"

    def _name(self, container: str) -> str:
        return self._names.get(container.partition(".")[0], "")
