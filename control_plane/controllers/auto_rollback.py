"""Automatic rollback: a rollout that fails returns, once, to the last revision that was fully available.

A rollout of the current revision fails when its progress deadline passes, when one of its pods crash-loops, or when its
pods fail again and again. Then, in one write, the Deployment gets the template of the revision that was fully available
last and did not fail since, and remembers in annotations which revision failed, why, and what it went back to. So there
is no moment at which a leader that dies leaves half of it.

It never goes to and fro between two bad revisions: what failed is no place to go back to until it was fully available
again, and if the revision that it went back to fails too, it stays there and says so. A template that a person sets is
tried anew, whatever became of it before.

Until a pod of the new revision is available no former one is given up, as far as the strategy has room for both and the
machines have: so a revision that never works costs nothing.

A revision that was once fully available is not rolled back later, whatever happens to its pods.

Reads: the Deployment, its ReplicaSets and the current one's pods. Writes: the Deployment's template and annotations.

Source: an extension; Nomad's `auto_revert` is the nearest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from control_plane.controllers import revisions
from control_plane.controllers.conditions import Conditions, condition, settled, without
from control_plane.controllers.pods import all_statuses
from control_plane.controllers.rollout import Fleet, available
from control_plane.controllers.scaling import Bounds, bounds
from control_plane.plan import Action, Emit, Update
from proto.conditions import DISRUPTION_TARGET
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.meta import evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from proto.rollouts import FAILED, ROLLED_BACK, annotations_of_revision

CRASH_LOOP_RESTARTS = 2
"""A container that waits to be started again after so many restarts, so after one end more, crash-loops."""

FAILED_PODS = 3
"""So many failed pods of a revision that was never current before are a failed rollout."""

DISRUPTED = frozenset({"Evicted", "NodeLost", "NodeShutdown", "Terminated", "Preempting", "Shutdown"})
"""Reasons of failed pods that say something about their node, not about their program."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the rollout of a revision failed."""

    revision: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Return:
    """A way back that was taken: from and to which revision, why, and the ReplicaSet that became current by it."""

    failed: int
    to: int
    reason: str
    message: str
    name: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What a Deployment remembers: failures by the name of the ReplicaSet, and the last way back."""

    failures: dict[str, Failure]
    way_back: Return | None = None

    @classmethod
    def of(cls, deployment: Deployment) -> Memory:
        """What its annotations say; what cannot be read was never said."""
        annotations = deployment.metadata.annotations
        if FAILED not in annotations and ROLLED_BACK not in annotations:
            return cls({})
        try:
            told = json.loads(annotations.get(FAILED, "{}"))
            failures = {str(name): Failure(**failure) for name, failure in told.items()}
        except (ValueError, TypeError, AttributeError):
            failures = {}
        try:
            way_back = Return(**json.loads(annotations[ROLLED_BACK]))
        except (KeyError, ValueError, TypeError):
            way_back = None
        return cls(failures, way_back)

    def annotations(self) -> dict[str, str]:
        """What `of` reads; nothing for what is empty."""
        texts = {}
        if self.failures:
            texts[FAILED] = json.dumps({name: asdict(failure) for name, failure in self.failures.items()})
        if self.way_back is not None:
            texts[ROLLED_BACK] = json.dumps(asdict(self.way_back))
        return texts

    def failure_of(self, current: ReplicaSet) -> Failure | None:
        """Why the present rollout of the current ReplicaSet failed; None if it has not, or an earlier one of it did."""
        failure, back = self.failures.get(current.metadata.name), self.way_back
        if failure is None or failure.revision != revisions.revision(current):
            return None
        # Who is current again although the way back from there was taken was chosen anew by a person.
        chosen_anew = back is not None and back.failed == failure.revision and back.name != current.metadata.name
        return None if chosen_anew else failure

    def came_back_to(self, current: ReplicaSet) -> Return | None:
        """The way back, if it led to this very rollout of the current ReplicaSet, and no person changed it since."""
        back, number = self.way_back, revisions.revision(current)
        if back is None or back.name != current.metadata.name:
            return None
        # The ReplicaSet gets the next number when its turn begins; until then it has the one from before.
        return back if number in (back.to, back.failed + 1) else None


@dataclass(frozen=True, slots=True)
class Trial:
    """What the pods of a revision on trial show. `unplaced`: whether no machine has room for one of them."""

    trouble: Failure | None = None
    unplaced: bool = False


def trial(current: ReplicaSet, pods: Iterable[Pod]) -> Trial:
    """What the pods of the current ReplicaSet show."""
    known = tuple(pods)
    return Trial(_trouble(current, known), any(map(_is_unplaced, known)))


def cautious(deployment: Deployment, fleet: Fleet, shown: Trial | None) -> Bounds:
    """How far a step may go: not below what is wanted, before a pod of a revision on trial is available.

    That asks for room: where the strategy has none above the wanted count, or no machine has, it is as usual.
    """
    usual, wanted, current = bounds(deployment.spec), deployment.spec.replicas, fleet.current
    if shown is None or shown.unplaced or current is None or available(current) or usual.ceiling <= wanted:
        return usual
    return usual if revisions.stable(fleet.former) is None else Bounds(usual.ceiling, wanted)


def _trouble(current: ReplicaSet, pods: Iterable[Pod]) -> Failure | None:
    """That they crash-loop, or fail again and again."""
    number, failed = revisions.revision(current), 0
    for pod in pods:
        for container in all_statuses(pod):
            if not pod.deleting and _is_crash_looping(container):
                who = f'container "{container.name}" of pod "{pod.metadata.name}"'
                times = f"{who} ended {container.restart_count + 1} times{_last_words(container)}"
                return Failure(number, "CrashLoopBackOff", times)
        failed += pod.status.phase == "Failed" and not _is_disrupted(pod)
    # Of a revision that was current before, failed pods may be left from then.
    if failed >= FAILED_PODS and not revisions.was_current_before(current):
        return Failure(number, "PodsFailed", f'{failed} pods of ReplicaSet "{current.metadata.name}" failed')
    return None


def concerns(pod: Pod) -> bool:
    """Whether a pod shows what a trial looks for, other than that it ended."""
    return _is_unplaced(pod) or any(map(_is_crash_looping, all_statuses(pod)))


def is_on_trial(fleet: Fleet) -> bool:
    """Whether the current revision has been given its number, and was not fully available under it yet."""
    current = fleet.current
    if current is None or revisions.revision(current) < revisions.number_as_current(current, fleet.former):
        return False
    return revisions.completed(current) != revisions.revision(current)


def decided(deployment: Deployment, fleet: Fleet, failure: Failure | None) -> tuple[Action, ...]:
    """What follows from a failure: the way back, or the note that there is none; nothing if it was noted before."""
    current, memory = fleet.current, Memory.of(deployment)
    if failure is None or current is None or not is_on_trial(fleet) or memory.failure_of(current) is not None:
        return ()
    came_back = memory.came_back_to(current)
    present = {each.metadata.name for each in fleet.all}
    kept = {name: old for name, old in memory.failures.items() if name in present}
    memory = replace(memory, failures={**kept, current.metadata.name: failure})
    target = None if came_back is not None else _place_to_go(fleet, memory)
    if target is None:
        noted = _remembering(deployment, memory, deployment.metadata.annotations)
        return (
            Update(noted, "rollout_failed"),
            Emit(deployment, "AutoRollbackFailed", _message_of_no_way(failure, came_back), "Warning"),
        )
    number = revisions.revision(target)
    way_back = Return(failure.revision, number, failure.reason, failure.message, target.metadata.name)
    memory = replace(memory, way_back=way_back)
    annotations = annotations_of_revision(deployment.metadata.annotations, target.metadata.annotations)
    back = evolve(_remembering(deployment, memory, annotations), **{"spec.template": revisions.template_of(target)})
    return (Update(back, "auto_rollback"), Emit(deployment, "AutoRollback", _message_of_way(way_back), "Warning"))


def forgiven(deployment: Deployment, fleet: Fleet) -> Deployment:
    """The Deployment without what does not count any more: failures of what has become fully available since, or is
    gone, and a way back that was left. The same object if all of it counts."""
    current, memory = fleet.current, Memory.of(deployment)
    if current is None:
        return deployment
    names = {each.metadata.name for each in fleet.all}
    proven = {current.metadata.name} if revisions.completed(current) == revisions.revision(current) else set()
    failures = {name: old for name, old in memory.failures.items() if name in names - proven}
    way_back = memory.way_back if memory.came_back_to(current) is not None else None
    if (failures, way_back) == (memory.failures, memory.way_back):
        return deployment
    return _remembering(deployment, Memory(failures, way_back), deployment.metadata.annotations)


def with_verdict(conditions: Conditions, deployment: Deployment, fleet: Fleet, now: datetime) -> Conditions:
    """The conditions with what is to be said of a way back: taken, failed as well, or not there; else nothing."""
    current, memory = fleet.current, Memory.of(deployment)
    if current is None:
        return conditions
    came_back, failure = memory.came_back_to(current), memory.failure_of(current)
    if failure is not None:
        reason = "NoRevisionToRollBackTo" if came_back is None else "RollbackFailed"
        told = condition("RolledBack", "False", reason, _message_of_no_way(failure, came_back), now)
    elif came_back is not None:
        told = condition("RolledBack", "True", came_back.reason, _message_of_way(came_back), now)
    else:
        return without(conditions, "RolledBack")
    return settled(conditions, told)


def _is_disrupted(pod: Pod) -> bool:
    """Whether it ended because of its node, or to make room (Kubernetes: condition DisruptionTarget)."""
    return pod.status.reason in DISRUPTED or find_condition(pod.status.conditions, DISRUPTION_TARGET) is not None


def _is_unplaced(pod: Pod) -> bool:
    scheduled = find_condition(pod.status.conditions, "PodScheduled")
    return not pod.spec.node_name and not pod.deleting and scheduled is not None and scheduled.status == "False"


def _is_crash_looping(container: ContainerStatus) -> bool:
    waiting = container.state.waiting
    restarted = container.restart_count >= CRASH_LOOP_RESTARTS
    return waiting is not None and waiting.reason == "CrashLoopBackOff" and restarted


def _last_words(container: ContainerStatus) -> str:
    """How it ended the last time, as far as that is known."""
    ending = container.last_state.terminated or container.state.terminated
    if ending is None:
        return ""
    reason = f" ({ending.reason})" if ending.reason not in ("", "Error") else ""
    return f", last with exit code {ending.exit_code}{reason}"


def _place_to_go(fleet: Fleet, memory: Memory) -> ReplicaSet | None:
    """The revision that was fully available last, of those that did not fail since."""
    return revisions.stable(each for each in fleet.former if each.metadata.name not in memory.failures)


def _message_of_way(back: Return) -> str:
    return f"Rolled back from revision {back.failed} to revision {back.to}: {back.message}"


def _message_of_no_way(failure: Failure, came_back: Return | None) -> str:
    if came_back is None:
        return f"Revision {failure.revision} failed ({failure.message}), and no earlier one was ever fully available"
    return (
        f"Revision {failure.revision}, to which it was rolled back from revision {came_back.failed}, failed as well: "
        f"{failure.message}; nothing more is done until the template changes"
    )


def _remembering(deployment: Deployment, memory: Memory, annotations: Mapping[str, str]) -> Deployment:
    others = {name: text for name, text in annotations.items() if name not in (FAILED, ROLLED_BACK)}
    return evolve(deployment, **{"metadata.annotations": {**others, **memory.annotations()}})
