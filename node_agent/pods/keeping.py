"""Pods as they lie in memory: what equal pods have in common is there once.

The pods of one controller, and most of what people start by the dozen, differ in name and status only. A node with
many of them would hold the same spec and labels as often.

Reads: assignments. Never: changes what one says.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from proto.node import Assignment
from proto.objects.lean import lean
from proto.objects.meta import evolve
from proto.objects.pod import Pod

Programs = tuple[tuple[str, tuple[str, ...]], ...]
"""The names of a pod's containers with their commands."""

_MADE_ALIKE = ("labels", "annotations", "owner_references")


class Siblings:
    """The pods that are here, by what they run; of those that run the same, the one that came last."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Programs, Pod] = WeakValueDictionary()

    def kept(self, assignment: Assignment) -> Assignment:
        """An equal assignment whose parts are those of the pod before, where these are equal."""
        pod = assignment.pod
        programs = tuple((container.name, container.command) for container in pod.spec.containers)
        known = self._known.get(programs)
        if known is not None and known is not pod:
            assignment = evolve(assignment, pod=_sharing(pod, known))
        self._known[programs] = assignment.pod
        return lean(assignment)


def _sharing(pod: Pod, other: Pod) -> Pod:
    """The pod with those parts of the other one that are equal to its own."""
    shared = {
        f"metadata.{name}": getattr(other.metadata, name)
        for name in _MADE_ALIKE
        if getattr(other.metadata, name) == getattr(pod.metadata, name)
    }
    if other.spec == pod.spec:
        shared["spec"] = other.spec
    return evolve(pod, **shared)
