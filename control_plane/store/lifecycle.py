"""The rules of writing an object, pure: what a create fills in, when a generation grows, what may never change.

Used by `api` for people's writes and by `engine` for controllers' writes, so that both mean the same. Each function
takes what is stored and what is wanted, and returns what to store. What a deletion means is in `deletion`, which is
offered here too.

Source: Kubernetes `apiserver/pkg/registry/rest` (create.go, update.go) and the strategies of each kind.
Never here: I/O, time and chance (both are passed in), and rules about a kind's fields (those are admission's).
"""

from __future__ import annotations

from typing import TypeVar

from control_plane.store.deletion import DeleteOptions, Marking, Removal, for_delete, may_be_removed, next_generation
from proto.clock import Instant
from proto.errors import Cause, Conflict, Invalid
from proto.objects.batch import CONTROLLER_UID_LABEL, Job, JobSpec, job_labels
from proto.objects.core import Namespace, NamespaceSpec
from proto.objects.meta import Condition, LabelSelector, Object, evolve, with_condition
from proto.objects.pod import Pod, PodSpec
from proto.objects.pod_status import PodStatus
from proto.qos import qos_class

__all__ = [
    "DeleteOptions", "Marking", "Removal", "for_binding", "for_create", "for_delete", "for_finalize", "for_resize",
    "for_status", "for_update", "may_be_removed", "to_milliseconds",
]  # fmt: skip

Obj = TypeVar("Obj", bound=Object)

GENERATION_KINDS = frozenset(
    {
        "Pod",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "PodDisruptionBudget",
        "PriorityClass",
    }
)
"""Kinds whose `metadata.generation` counts the changes of their spec. (Kubernetes: the others have none.)"""

GATED = "Scheduling is blocked due to non-empty scheduling gates"
"""Why a pod with scheduling gates has no node."""

NAMESPACE_FINALIZER = "kubernetes"
"""Holds a namespace until the namespace controller has emptied it."""


def to_milliseconds(now: Instant) -> Instant:
    """`now` as it will be read back: the wire keeps milliseconds."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def for_create(obj: Obj, *, uid: str, now: Instant, keep_status: bool = False) -> Obj:
    """A new object: identity filled in, everything that is not the writer's to say cleared.

    A status that a person sends is dropped (Kubernetes: strategies' PrepareForCreate). `keep_status` is for writers
    of our own who create an object and its first status in one write, such as the hub for a registering node.
    """
    changes: dict[str, object] = {
        "metadata.uid": uid,
        "metadata.creation_timestamp": to_milliseconds(now),
        "metadata.resource_version": "",
        "metadata.generation": 1 if obj.KIND in GENERATION_KINDS else None,
        "metadata.deletion_timestamp": None,
        "metadata.deletion_grace_period_seconds": None,
    }
    if not keep_status and "status" in type(obj).model_fields:
        changes["status"] = type(obj).model_fields["status"].default  # Frozen, so it is shared.
    if isinstance(obj, Pod) and not keep_status:
        changes["status"] = _first_status(obj.spec, now)
    if isinstance(obj, Namespace) and NAMESPACE_FINALIZER not in obj.spec.finalizers:
        changes["spec.finalizers"] = (*obj.spec.finalizers, NAMESPACE_FINALIZER)
    if isinstance(obj, Job) and not obj.spec.manual_selector:
        changes["spec"] = _selecting_its_own(obj, uid)
    return evolve(obj, **changes)


def for_update(old: Obj, new: Obj) -> Obj:
    """What to store in place of `old` when a writer wants `new`; `old` itself if that changes nothing.

    Identity, deletion mark and status stay as they are; the generation grows if the spec differs. A namespace's
    `spec.finalizers` change by `for_finalize` only (Kubernetes: namespace strategy). If the result `may_be_removed`,
    its last finalizer has just gone: delete it instead of writing it.

    Raises:
        Invalid: a finalizer is added while the object is being deleted.
    """
    _refuse_new_finalizers(old, new)
    changes: dict[str, object] = {
        "api_version": old.api_version,
        "kind": old.kind,
        "metadata": _kept_identity(old, new),
    }
    if "status" in type(old).model_fields:
        changes["status"] = _status(old)
    if isinstance(old, Namespace):
        changes["spec"] = old.spec
    wanted = new.model_copy(update=changes)
    if wanted == old:
        return old
    return next_generation(wanted) if _spec(wanted) != _spec(old) else wanted


def for_status(old: Obj, new: Obj) -> Obj:
    """`old` with the status of `new`; `old` itself if it is the same, or if the kind has no status."""
    if "status" not in type(old).model_fields or _status(old) == _status(new):
        return old
    return old.model_copy(update={"status": _status(new)})


def for_resize(old: Pod, new: Pod) -> Pod:
    """`old` with the spec of `new`, of which admission has held that only resources differ."""
    return for_update(old, old.model_copy(update={"spec": new.spec}))


def for_finalize(old: Namespace, new: Namespace) -> Namespace:
    """`old` with the `spec.finalizers` of `new`: how the namespace controller says that a namespace is empty."""
    if old.spec.finalizers == new.spec.finalizers:
        return old
    return old.model_copy(update={"spec": NamespaceSpec(finalizers=new.spec.finalizers)})


def for_binding(pod: Pod, node: str, now: Instant) -> Pod:
    """The pod placed on `node`, with the condition that says so; its generation stays (Kubernetes: BindingREST).

    Raises:
        Conflict: it is being deleted, it is on a node already, or it has scheduling gates.
    """
    name = pod.metadata.name
    if pod.deleting:
        raise Conflict(f'Operation cannot be fulfilled on pods/binding "{name}": pod {name} is being deleted, '
                       "cannot be assigned to a host")  # fmt: skip
    if pod.spec.node_name:
        raise Conflict(f'Operation cannot be fulfilled on pods/binding "{name}": pod {name} is already assigned '
                       f'to node "{pod.spec.node_name}"')  # fmt: skip
    if pod.spec.scheduling_gates:
        raise Conflict(f'Operation cannot be fulfilled on pods/binding "{name}": pod {name} has non-empty '
                       ".spec.schedulingGates")  # fmt: skip
    placed = Condition(type="PodScheduled", status="True", last_transition_time=to_milliseconds(now))
    conditions = with_condition(pod.status.conditions, placed)
    changes = {"spec.node_name": node, "status.conditions": conditions, "status.nominated_node_name": ""}
    return evolve(pod, **changes)


def _first_status(spec: PodSpec, now: Instant) -> PodStatus:
    """The status that a pod is born with (Kubernetes: applySchedulingGatedCondition)."""
    born = PodStatus(qos_class=qos_class(spec))
    if not spec.scheduling_gates:
        return born
    gated = Condition(
        type="PodScheduled",
        status="False",
        reason="SchedulingGated",
        message=GATED,
        last_transition_time=to_milliseconds(now),
    )
    return evolve(born, conditions=(gated,))


def _selecting_its_own(job: Job, uid: str) -> JobSpec:
    """A Job's spec with the selector that no other Job can have (Kubernetes: job strategy, generateSelector)."""
    labels = job_labels(job.metadata.name, uid)
    return evolve(
        job.spec,
        **{
            "selector": LabelSelector(match_labels={CONTROLLER_UID_LABEL: uid}),
            "template.metadata.labels": {**job.spec.template.metadata.labels, **labels},
        },
    )


def _kept_identity(old: Object, new: Object) -> object:
    """The metadata of `new` with all that a writer cannot change taken from `old`."""
    kept = old.metadata
    return new.metadata.model_copy(
        update={
            "name": kept.name,
            "generate_name": kept.generate_name,
            "namespace": kept.namespace,
            "uid": kept.uid,
            "resource_version": kept.resource_version,
            "generation": kept.generation,
            "creation_timestamp": kept.creation_timestamp,
            "deletion_timestamp": kept.deletion_timestamp,
            "deletion_grace_period_seconds": kept.deletion_grace_period_seconds,
        }
    )


def _refuse_new_finalizers(old: Object, new: Object) -> None:
    added = [name for name in new.metadata.finalizers if name not in old.metadata.finalizers]
    if not old.deleting or not added:
        return
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, "
        f"found new finalizers {', '.join(added)}"
    )
    cause = Cause("metadata.finalizers", message, "FieldValueForbidden")
    raise Invalid(f'{old.KIND} "{old.metadata.name}" is invalid: {cause}', causes=(cause,))


def _spec(obj: Object) -> object:
    return getattr(obj, "spec", None)


def _status(obj: Object) -> object:
    return getattr(obj, "status", None)
