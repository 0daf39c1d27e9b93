"""Pods as they lie in memory: what equal pods have in common is there once.

The pods of one controller, and most of what people start by the dozen, differ in name and status only. A node with
many of them would hold the same spec as often.

Reads: assignments. Never: changes what one says.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from proto.node import Assignment
from proto.objects.lean import lean
from proto.objects.meta import evolve
from proto.objects.pod import PodSpec

Programs = tuple[tuple[str, tuple[str, ...]], ...]
"""The names of a pod's containers with their commands."""


class SharedSpecs:
    """The specs of the pods that are here, each once."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Programs, PodSpec] = WeakValueDictionary()

    def kept(self, assignment: Assignment) -> Assignment:
        """An equal assignment whose spec is that of an equal pod before, if there is one.

        Specs are looked up by what they run; of those that run the same and differ, the one that came last is known.
        """
        spec = assignment.pod.spec
        programs = tuple((container.name, container.command) for container in spec.containers)
        known = self._known.get(programs)
        if known is not spec and known == spec:
            assignment = evolve(assignment, **{"pod.spec": known})
        else:
            self._known[programs] = spec
        return lean(assignment)
