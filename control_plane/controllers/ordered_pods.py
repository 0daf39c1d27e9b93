"""Ordered pods: which of a StatefulSet's pods to make, end or replace next.

Pods are numbered from `ordinals.start`. They are made from the lowest number up and ended from the highest down; with
`OrderedReady` each step waits until all pods before it are available. An update replaces pods from the highest number
down to the partition, at most `maxUnavailable` (one) at a time.

Beyond Kubernetes: a pod of an outdated revision that is not available anyway does not hold up its own replacement, so
a StatefulSet that is stuck on a broken template goes on when the template is corrected. It is replaced as carefully as
the others: while a pod of the *new* revision is not available, no further one follows it.

Reads: a StatefulSet, its pods, its revisions. Writes: nothing; returns actions.

Source: Kubernetes `pkg/controller/statefulset` (stateful_set_control.go, updateStatefulSet).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers.controller_revisions import template_of
from control_plane.controllers.pods import (
    available_at,
    is_available,
    is_ready,
    is_to_be_remade,
    pod_from_template,
    remade_in_s,
)
from control_plane.controllers.scaling import int_or_percent
from control_plane.plan import Action, Create, Delete, Update
from proto.objects.controller_revision import ControllerRevision
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import RollingUpdateStatefulSetStrategy, StatefulSet
from proto.rollouts import CONTROLLER_REVISION_HASH

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
"""Labels that tell a pod of a StatefulSet from its siblings."""

FINISHED = "pod_finished"
"""The reason for deleting a pod that has ended."""

_ORDINAL = re.compile(r"(.+)-(0|[1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True)
class Line:
    """The pods of a StatefulSet by ordinal, and the revisions they are to have.

    `wanted` are the ordinals that should have a pod; a pod with another one is surplus. `current` is the revision that
    all pods last had, `update` that of the present template.
    """

    stateful_set: StatefulSet
    pods: Mapping[int, Pod]
    wanted: range
    current: ControllerRevision
    update: ControllerRevision
    now: datetime

    @property
    def all(self) -> tuple[Pod, ...]:
        """All pods, in their order."""
        return tuple(self.pods[number] for number in sorted(self.pods))

    @property
    def in_order(self) -> bool:
        """Whether each step waits for the one before it."""
        return self.stateful_set.spec.pod_management_policy == "OrderedReady"

    @property
    def first_updated(self) -> int:
        """The lowest ordinal that is to have the update revision."""
        return self.wanted.start + _rolling(self.stateful_set).partition

    def is_available(self, pod: Pod) -> bool:
        """Whether it runs, stays, and has been ready for long enough."""
        return (
            not pod.deleting
            and runs_ready(pod)
            and is_available(pod, self.stateful_set.spec.min_ready_seconds, self.now)
        )

    def next_look_s(self) -> float | None:
        """When a step is due though nothing changes: a ready pod becomes available, a finished one may be remade."""
        min_ready_s = self.stateful_set.spec.min_ready_seconds
        waits = [remade_in_s(pod, self.now) for pod in self.all if is_to_be_remade(pod)]
        if min_ready_s:
            times = [available_at(pod, min_ready_s) for pod in self.all]
            waits += [(at - self.now).total_seconds() for at in times if at is not None]
        return min((wait_s for wait_s in waits if wait_s > 0), default=None)

    def is_outdated(self, number: int) -> bool:
        """Whether the pod of that ordinal is to be replaced by one of the update revision."""
        pod = self.pods.get(number)
        if pod is None or number < self.first_updated or self.stateful_set.spec.update_strategy.type == "OnDelete":
            return False
        return revision_name(pod) != self.update.metadata.name


def line(
    stateful_set: StatefulSet,
    pods: Iterable[Pod],
    *,
    update: ControllerRevision,
    current: ControllerRevision,
    now: datetime,
) -> Line:
    """The pods that have an ordinal, in a line."""
    start = 0 if stateful_set.spec.ordinals is None else stateful_set.spec.ordinals.start
    numbered = {number: pod for pod in pods if (number := ordinal(stateful_set, pod)) is not None}
    return Line(stateful_set, numbered, range(start, start + stateful_set.spec.replicas), current, update, now)


def ordinal(stateful_set: StatefulSet, pod: Pod) -> int | None:
    """The number in a pod's name; None if it is not the name of one of this StatefulSet's pods."""
    found = _ORDINAL.fullmatch(pod.metadata.name)
    return int(found[2]) if found is not None and found[1] == stateful_set.metadata.name else None


def revision_name(pod: Pod) -> str:
    """The ControllerRevision that a pod was made from."""
    return pod.metadata.labels.get(CONTROLLER_REVISION_HASH, "")


def runs_ready(pod: Pod) -> bool:
    """Whether it runs and is ready (Kubernetes: isRunningAndReady)."""
    return pod.status.phase == "Running" and is_ready(pod)


def steps(line: Line, *, may_create: bool = True) -> tuple[Action, ...]:
    """What to do next, nothing if all is as it should be or a step must be waited for."""
    actions, blocked = _filled(line, may_create=may_create)
    if not (blocked and line.in_order):
        actions += _shortened(line)
    return (*actions, *_replaced(line, {action.object.metadata.name for action in actions}))


def _filled(line: Line, *, may_create: bool) -> tuple[list[Action], bool]:
    """Create what is missing, from the lowest up; and whether a pod that should be available is not."""
    actions: list[Action] = []
    blocked = False
    for number in line.wanted:
        pod = line.pods.get(number)
        if pod is not None and is_to_be_remade(pod):
            if remade_in_s(pod, line.now) <= 0:
                actions.append(Delete(pod, FINISHED, at_revision=True))
        elif pod is not None and not pod.deleting and _identified(line, pod, number) != pod:
            actions.append(Update(_identified(line, pod, number), "identity"))
        elif pod is None and may_create:
            actions.append(Create(_pod(line, number), "replica_missing"))
        if pod is None or not line.is_available(pod):
            blocked = True
            if line.in_order:
                break
    return actions, blocked


def _shortened(line: Line) -> list[Action]:
    """Delete what is surplus, from the highest down."""
    surplus = [line.pods[number] for number in sorted(line.pods, reverse=True) if number not in line.wanted]
    asked = surplus[:1] if line.in_order else surplus
    return [Delete(pod, "replica_surplus", at_revision=True) for pod in asked if not pod.deleting]


def _replaced(line: Line, busy: Collection[str]) -> list[Action]:
    """Delete outdated pods, from the highest down, those that are not available first; never one that is `busy`."""
    wanted = {number: line.pods[number] for number in reversed(line.wanted) if number in line.pods}
    available = {number for number, pod in wanted.items() if line.is_available(pod)}
    outdated = [number for number, pod in wanted.items() if line.is_outdated(number) and not pod.deleting]
    free = [number for number in outdated if wanted[number].metadata.name not in busy]
    # On their way: changed in this very pass, ending, or of the right revision and not proven yet.
    moving = len(busy) + len(wanted.keys() - available - set(outdated))
    spare = max_unavailable(line.stateful_set) - (len(line.wanted) - len(available))
    idle = [number for number in free if number not in available]
    useful = [number for number in free if number in available]
    chosen = idle[: max(0, max_unavailable(line.stateful_set) - moving)] + useful[: max(0, spare)]
    return [Delete(wanted[number], "outdated_revision", at_revision=True) for number in chosen]


def max_unavailable(stateful_set: StatefulSet) -> int:
    """How many pods an update may make unavailable at a time: at least one, or it would never move."""
    value = _rolling(stateful_set).max_unavailable
    return 1 if value is None else max(1, int_or_percent(value, stateful_set.spec.replicas, round_up=True))


def _rolling(stateful_set: StatefulSet) -> RollingUpdateStatefulSetStrategy:
    return stateful_set.spec.update_strategy.rolling_update or RollingUpdateStatefulSetStrategy()


def _pod(line: Line, number: int) -> Pod:
    """The pod of an ordinal: below the partition of the current revision, else of the update."""
    rolls = line.stateful_set.spec.update_strategy.type == "RollingUpdate"
    revision = line.current if rolls and number < line.first_updated else line.update
    stateful_set = line.stateful_set
    pod = pod_from_template(
        template_of(revision),
        stateful_set.metadata.namespace,
        f"{stateful_set.metadata.name}-{number}",
        stateful_set.owner_reference(),
    )
    labels = {**pod.metadata.labels, CONTROLLER_REVISION_HASH: revision.metadata.name}
    return _identified(line, evolve(pod, **{"metadata.labels": labels}), number)


def _identified(line: Line, pod: Pod, number: int) -> Pod:
    """The pod with the labels that tell which one it is."""
    identity = {POD_NAME: pod.metadata.name, POD_INDEX: str(number)}
    if identity.items() <= pod.metadata.labels.items():
        return pod
    return evolve(pod, **{"metadata.labels": {**pod.metadata.labels, **identity}})
