"""Canary: a rollout in steps, from the revision that was last fully available to the current one.

A step sets how many pods the current revision has, or waits: for a time, or until a person promotes it. Which step is
under way stands in the status, and is written there before any size follows from it: so a leader that takes over goes
on at the same step. People promote and abort by annotations that name the revision; what they said of one revision
says nothing about the next.

There is nothing to be careful about, and no canary, where no other revision was ever fully available, or where the
current one was the last that was: going back goes straight.

Reads: the Deployment, its ReplicaSets. Writes: nothing; returns the course, the goals and the status.

Source: the words are those of Argo Rollouts; the rules are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from control_plane.controllers import revisions
from control_plane.controllers.rollout import Fleet, Sizes, available, first_size, moved, total
from control_plane.controllers.scaling import Bounds, bounds, int_or_percent
from control_plane.plan import Emit
from proto.objects.apps import CanaryStatus, CanaryStep, Deployment, ReplicaSet
from proto.rollouts import ABORTED, PROMOTED, PROMOTED_FULLY


@dataclass(frozen=True, slots=True)
class Course:
    """Where a canary stands. `index` counts steps from 0; `paused_since`: the pause it waits in began then."""

    steps: tuple[CanaryStep, ...]
    revision: int
    stable: ReplicaSet
    index: int = 0
    paused_since: datetime | None = None
    aborted: bool = False

    @property
    def over(self) -> bool:
        """Whether all steps are done, so that the current revision gets everything."""
        return self.index >= len(self.steps) and not self.aborted

    @property
    def resumes_at(self) -> datetime | None:
        """When the present pause ends by itself."""
        if self.paused_since is None:
            return None
        pause = self.steps[self.index].pause
        seconds = None if pause is None else pause.duration_seconds
        return None if seconds is None else self.paused_since + timedelta(seconds=seconds)

    @property
    def status(self) -> CanaryStatus:
        """What is told of it."""
        return CanaryStatus(
            revision=self.revision,
            current_step_index=self.index,
            paused_since=self.paused_since,
            aborted=self.aborted,
            stable_revision=revisions.revision(self.stable),
        )


def course(deployment: Deployment, fleet: Fleet, now: datetime) -> Course | None:
    """Where the canary of the current revision stands now; None where none is under way.

    It is further than the status tells as far as steps have been reached since.
    """
    current, stable = fleet.current, revisions.stable(fleet.all)
    strategy = deployment.spec.strategy
    if strategy.type != "Canary" or current is None or stable is None or stable is current:
        return None
    steps = () if strategy.canary is None else strategy.canary.steps
    began = Course(steps, revisions.number_as_current(current, fleet.former), stable)
    if deployment.metadata.annotations.get(ABORTED) == str(began.revision):
        return replace(began, aborted=True)
    told = deployment.status.canary
    if told is not None and told.revision == began.revision and not told.aborted:
        index = min(told.current_step_index, len(steps))
        waits = index < len(steps) and steps[index].pause is not None
        began = replace(began, index=index, paused_since=told.paused_since if waits else None)
    return began if deployment.spec.paused else _advanced(began, deployment, fleet, now)


def status(deployment: Deployment, fleet: Fleet, at: Course | None) -> CanaryStatus | None:
    """What the Deployment tells of its canary; of one that is over, that all steps are done."""
    strategy = deployment.spec.strategy
    if strategy.type != "Canary":
        return None
    if at is not None or fleet.current is None:
        return deployment.status.canary if at is None else at.status
    stable = revisions.stable(fleet.all)
    return CanaryStatus(
        revision=revisions.number_as_current(fleet.current, fleet.former),
        current_step_index=0 if strategy.canary is None else len(strategy.canary.steps),
        stable_revision=None if stable is None else revisions.revision(stable),
    )


def is_told(deployment: Deployment, at: Course) -> bool:
    """Whether the status tells the step already: only then do sizes follow from it."""
    return deployment.status.canary == at.status


def size_at_birth(deployment: Deployment, former: tuple[ReplicaSet, ...]) -> int:
    """The size of a new current ReplicaSet: what the first step says, if there is a canary, and if there is room."""
    room, strategy = first_size(deployment, former), deployment.spec.strategy
    if strategy.type != "Canary" or strategy.canary is None or revisions.stable(former) is None:
        return room
    wanted, _ = _split(deployment, strategy.canary.steps, 0)
    return min(room, wanted)


def sizes(deployment: Deployment, fleet: Fleet, at: Course, limits: Bounds) -> Sizes:
    """The next sizes: one step towards what the present step says; an entry for every ReplicaSet that wants pods."""
    same = {each.metadata.uid: each.spec.replicas for each in fleet.active}
    return same | moved(fleet, goals(deployment, fleet, at), limits)


def goals(deployment: Deployment, fleet: Fleet, at: Course) -> Sizes:
    """What the present step asks for; 0 for all ReplicaSets that are not named."""
    assert fleet.current is not None, "a canary has a current ReplicaSet"
    if at.aborted:
        return {at.stable.metadata.uid: deployment.spec.replicas}
    wanted, left = _split(deployment, at.steps, at.index)
    return {fleet.current.metadata.uid: wanted, at.stable.metadata.uid: left}


def heard(annotations: Mapping[str, str], revision: int) -> dict[str, str]:
    """The annotations without what people said to canaries of other revisions."""
    said = {ABORTED: annotations.get(ABORTED, ""), PROMOTED: annotations.get(PROMOTED, "").partition("/")[0]}
    return {name: text for name, text in annotations.items() if said.get(name, str(revision)) == str(revision)}


def events(deployment: Deployment, at: Course | None) -> tuple[Emit, ...]:
    """What is to be told to people about a change that the status does not tell yet."""
    told = deployment.status.canary
    if at is None or is_told(deployment, at):
        return ()
    if at.aborted:
        return (Emit(deployment, "CanaryAborted", abort_message(at), "Warning"),)
    if told is None or told.revision != at.revision or told.current_step_index >= at.index:
        return ()
    done = ", ".join(words(step) for step in at.steps[told.current_step_index : at.index])
    return (Emit(deployment, "CanaryStepCompleted", f"{at.index} of {len(at.steps)} steps are done: {done}"),)


def pause_message(at: Course) -> str:
    """What a canary that waits waits for."""
    ends = at.resumes_at
    until = "until it is promoted" if ends is None else f"until {ends:%Y-%m-%dT%H:%M:%SZ}"
    return f"Canary of revision {at.revision} is paused {until} (step {at.index + 1} of {len(at.steps)})"


def abort_message(at: Course) -> str:
    """Where an aborted canary goes."""
    stable = revisions.revision(at.stable)
    return f"Canary of revision {at.revision} was aborted: all pods go back to revision {stable}"


def words(step: CanaryStep) -> str:
    """A step in short."""
    if step.set_weight is not None:
        return f"setWeight {step.set_weight}"
    if step.set_replicas is not None:
        return f"setReplicas {step.set_replicas}"
    seconds = None if step.pause is None else step.pause.duration_seconds
    return "pause" if seconds is None else f"pause {seconds} s"


def _advanced(at: Course, deployment: Deployment, fleet: Fleet, now: datetime) -> Course:
    """The course behind all steps that are done."""
    released = deployment.metadata.annotations.get(PROMOTED, "")
    if released == f"{at.revision}/{PROMOTED_FULLY}":
        return replace(at, index=len(at.steps), paused_since=None)
    while at.index < len(at.steps):
        if at.steps[at.index].pause is None:
            if not _is_reached(deployment, fleet, at):
                break
        else:
            at = replace(at, paused_since=at.paused_since or now)
            ends = at.resumes_at
            if not _is_promoted(released, at) and (ends is None or now < ends):
                break
        at = replace(at, index=at.index + 1, paused_since=None)
    return at


def _is_promoted(released: str, at: Course) -> bool:
    revision, _, index = released.partition("/")
    return revision == str(at.revision) and index.isdecimal() and at.index <= int(index)


def _is_reached(deployment: Deployment, fleet: Fleet, at: Course) -> bool:
    """Whether the pods that a step wants are there and available, and no more of the former ones than it leaves."""
    assert fleet.current is not None, "a canary has a current ReplicaSet"
    wanted, left = _split(deployment, at.steps, at.index)
    return fleet.settled and available(fleet.current) >= wanted and total(fleet.former) <= left


def _split(deployment: Deployment, steps: tuple[CanaryStep, ...], index: int) -> tuple[int, int]:
    """Pods of the current revision, and of the stable one, that the last size set up to `index` asks for.

    As long as not all is asked for, one stable pod is left: of a single pod in all, beside the new one, if the strategy
    has room for both.
    """
    replicas = deployment.spec.replicas
    if index >= len(steps):
        return replicas, 0
    size = next((step for step in reversed(steps[: index + 1]) if step.pause is None), None)
    if size is None or replicas == 0:
        return 0, replicas
    if size.set_weight is not None:
        share = int_or_percent(f"{size.set_weight}%", replicas, round_up=True)
        everything = size.set_weight >= 100
    else:
        share = min(size.set_replicas or 0, replicas)
        everything = share == replicas
    if everything:
        return replicas, 0
    share = min(share, max(1, replicas - 1))
    return share, max(replicas - share, min(1, bounds(deployment.spec).ceiling - share))
