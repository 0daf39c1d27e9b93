"""A Job's pods: their names and numbers, and what one of them is to its Job.

Reads: a Job and its pods. Writes: nothing.

Every pod is made for a *slot*: of a NonIndexed Job the slots are 0, 1, 2 …; of an Indexed one each index has slots of
its own, its attempts. The slot stands in an annotation and the name is derived from it, so the same decision made
twice names the same pod.

A pod is *tracked* while it carries the Job's finalizer: it cannot vanish before it is settled. A slot is *settled* when
the Job's status accounts for it. Counting is therefore two writes, safe to be cut off between them: the status (counts
and settled slots at once), then the finalizer. A pod is *given up* by the opposite order: it loses the finalizer while
it runs, so whatever becomes of it is not counted, and is then deleted.

Source: Kubernetes `pkg/controller/job` (there the finalizer and `uncountedTerminatedPods` do the same in three writes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from control_plane.controllers.names import slot_name
from control_plane.controllers.pods import is_finished, pod_from_template, ready_condition
from proto.intervals import Intervals
from proto.objects.batch import IndexAttempts, Job, JobStatus, job_labels
from proto.objects.container import Container
from proto.objects.env import EnvVar, EnvVarSource, ObjectFieldSelector
from proto.objects.meta import evolve
from proto.objects.pod import Pod

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer of pods that are not counted yet."""

SLOT = "setpoint.dev/job-slot"
INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation, and label, of an Indexed Job's pods."""

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_INDEX_FIELD = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.annotations['{INDEX}']"))


@dataclass(frozen=True, slots=True)
class Settled:
    """What a Job's status accounts for, read from its text forms. `size`: of an Indexed Job, its indexes; else None."""

    size: int | None
    slots: Intervals
    completed: Intervals
    failed: Intervals
    attempts: dict[int, IndexAttempts]

    @classmethod
    def of(cls, job: Job, status: JobStatus) -> Settled:
        """Read a status of `job`."""
        return cls(
            size=(job.spec.completions or 0) if is_indexed(job) else None,
            slots=Intervals.parse(status.settled_slots),
            completed=Intervals.parse(status.completed_indexes),
            failed=Intervals.parse(status.failed_indexes),
            attempts={each.index: each for each in status.index_attempts},
        )

    def has(self, pod: Pod) -> bool:
        """Whether the pod's slot is settled; a pod whose slot the Job does not have counts nowhere, so its is too."""
        slot, index = slot_of(pod), index_of(pod)
        if slot < 0 or (index is None) != (self.size is None):
            return True
        if index is None or self.size is None:
            return slot in self.slots
        if index >= self.size:
            return True
        ended = self.attempts.get(index)
        return index in self.completed or index in self.failed or (ended is not None and slot < ended.attempts)


def is_indexed(job: Job) -> bool:
    """Whether each of its pods works on one index."""
    return job.spec.completion_mode == "Indexed"


def is_tracked(pod: Pod) -> bool:
    """Whether it is to be counted, and was not released yet."""
    return TRACKING in pod.metadata.finalizers


def slot_of(pod: Pod) -> int:
    """Its slot; -1 if somebody took the annotation away."""
    text = pod.metadata.annotations.get(SLOT, "")
    return int(text) if text.isdecimal() else -1


def index_of(pod: Pod) -> int | None:
    """The index it works on, if it has one."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdecimal() else None


def is_gone(pod: Pod) -> bool:
    """Whether nothing of it runs any more and only finalizers hold its object."""
    return pod.deleting and not pod.metadata.deletion_grace_period_seconds


def is_lost(pod: Pod) -> bool:
    """Whether it is being deleted on a node that nobody hears of: it may take for ever to end."""
    ready = ready_condition(pod)
    return pod.deleting and ready is not None and ready.reason == "NodeLost"


def has_ended(pod: Pod, job: Job) -> bool:
    """Whether it is to be counted now.

    A pod that is being deleted has failed; where only failed pods are replaced, not before it has really ended.
    """
    if is_finished(pod) or is_gone(pod):
        return True
    return pod.deleting and job.spec.pod_replacement_policy != "Failed"


def released(pod: Pod) -> Pod:
    """The pod without the finalizer."""
    kept = tuple(name for name in pod.metadata.finalizers if name != TRACKING)
    return evolve(pod, **{"metadata.finalizers": kept})


def free_slots(job: Job, settled: Settled, pods: Iterable[Pod], wanted: int) -> list[Pod]:
    """The pods for the first `wanted` slots of a NonIndexed Job that were never used."""
    taken, found = {pod.metadata.name for pod in pods}, list[Pod]()
    for slot in settled.slots.gaps():
        if len(found) >= wanted:
            break
        pod = _pod(job, slot, None)
        if pod.metadata.name not in taken:
            found.append(pod)
            taken.add(pod.metadata.name)
    return found


def attempt(job: Job, settled: Settled, index: int, taken: set[str]) -> Pod:
    """The pod for the next attempt at an index."""
    ended = settled.attempts.get(index)
    for slot in count(0 if ended is None else ended.attempts):
        pod = _pod(job, slot, index)
        if pod.metadata.name not in taken:
            return pod
    raise AssertionError("slots have no end")


def _pod(job: Job, slot: int, index: int | None) -> Pod:
    """The template in that slot, tracked; with an index, its program is told which."""
    meta = job.metadata
    stem = meta.name if index is None else f"{meta.name[:230]}-{index}"
    name = slot_name(stem, meta.uid if index is None else f"{meta.uid}/{index}", slot)
    pod = pod_from_template(job.spec.template, meta.namespace, name, job.owner_reference())
    labels, annotations = {**pod.metadata.labels}, {**pod.metadata.annotations, SLOT: str(slot)}
    for key, value in job_labels(meta.name, meta.uid).items():
        labels.setdefault(key, value)
    containers, init = pod.spec.containers, pod.spec.init_containers
    if index is not None:
        labels[INDEX] = annotations[INDEX] = str(index)
        containers, init = tuple(map(_told_its_index, containers)), tuple(map(_told_its_index, init))
    changes = {
        "metadata.labels": labels,
        "metadata.annotations": annotations,
        "metadata.finalizers": (*pod.metadata.finalizers, TRACKING),
        "spec.containers": containers,
        "spec.init_containers": init,
    }
    return evolve(pod, **changes)


def _told_its_index(container: Container) -> Container:
    """A variable of that name that the writer gave stays."""
    if any(variable.name == INDEX_VARIABLE for variable in container.env):
        return container
    return evolve(container, env=(*container.env, EnvVar(name=INDEX_VARIABLE, value_from=_INDEX_FIELD)))
