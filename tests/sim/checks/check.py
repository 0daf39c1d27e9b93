"""The form of a check, and how checks are put to a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from node_agent.runtime.port import ContainerState
from proto.objects.meta import Object
from tests.sim.cluster import Cluster
from tests.sim.machine import SimMachine
from tests.sim.people import People


class Check:
    """One promise; a check overrides what it needs."""

    def __init__(self, cluster: Cluster, people: People):
        self.cluster = cluster
        self.people = people

    def changed(self, before: Object | None, after: Object, gone: bool) -> Iterable[str]:
        """What is wrong with this change; `after` is the last state of what is gone."""
        return ()

    def process(self, machine: SimMachine, state: ContainerState) -> Iterable[str]:
        """What is wrong with a process that runs or has ended on a machine."""
        return ()

    def settled(self) -> Iterable[str]:
        """What is not as it should be once all is calm."""
        return ()

    def put(self) -> None:
        """Hold the cluster to it from now on."""
        self.cluster.audit.listeners.append(self._hear_change)
        for machine in self.cluster.machines:
            machine.computer.listeners.append(partial(self._hear_process, machine))

    def _hear_change(self, before: Object | None, after: Object, gone: bool) -> None:
        for wrong in self.changed(before, after, gone):
            self.cluster.audit.violate(wrong)

    def _hear_process(self, machine: SimMachine, state: ContainerState) -> None:
        for wrong in self.process(machine, state):
            self.cluster.audit.violate(wrong)
