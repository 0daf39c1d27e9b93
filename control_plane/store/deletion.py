"""What asking for a deletion means, pure: an object goes at once, or is marked and goes when everyone has let go.

Three things hold an object back. *Finalizers* wait for controllers: `foregroundDeletion` until the dependents are
gone, `orphan` until they are released, any other until its owner removes it. A *grace period* lets a pod's processes
end in peace, until its node says that they have. A *namespace* stays until it is empty (`spec.finalizers`).

Source: Kubernetes `apiserver/pkg/registry/rest/delete.go`, `registry/generic/registry/store.go` (Delete), and the
strategies of pods and namespaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeVar

from proto.clock import Instant
from proto.objects.core import Namespace
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod
from proto.phases import ENDED

Obj = TypeVar("Obj", bound=Object)

Propagation = Literal["Background", "Foreground", "Orphan"]

FOREGROUND_FINALIZER = "foregroundDeletion"
ORPHAN_FINALIZER = "orphan"
_OF_PROPAGATION: dict[str, tuple[str, ...]] = {
    "Background": (),
    "Foreground": (FOREGROUND_FINALIZER,),
    "Orphan": (ORPHAN_FINALIZER,),
}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. None: as the object says (its finalizers, its own grace period); then `Background`."""

    propagation: Propagation | None = None
    grace_s: int | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """Take `object` (its last state) out of the store now."""

    object: Object


@dataclass(frozen=True, slots=True)
class Marking:
    """Write `object`; it is the stored object itself when there is nothing to write."""

    object: Object


def for_delete(obj: Object, options: DeleteOptions, now: Instant) -> Removal | Marking:
    """What a request for deletion does to `obj`."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    if isinstance(obj, Namespace):
        return _delete_namespace(obj, options, now)
    if isinstance(obj, Pod):
        return _delete_pod(obj, options, now)
    marked = evolve(obj, **{"metadata.finalizers": _finalizers(obj, options)})
    return _mark_for_finalizers(obj, marked, now) if marked.metadata.finalizers else Removal(obj)


def next_generation(obj: Obj) -> Obj:
    """`obj` with its generation one up, if its kind has one: what is wanted of it has changed."""
    generation = obj.metadata.generation
    return evolve(obj, **{"metadata.generation": generation + 1}) if generation else obj


def may_be_removed(obj: Object) -> bool:
    """Whether nothing holds an object back whose deletion was asked for (a pod's processes apart, if it has grace)."""
    if not obj.deleting or obj.metadata.finalizers or obj.metadata.deletion_grace_period_seconds:
        return False
    return not (isinstance(obj, Namespace) and obj.spec.finalizers)


def _delete_namespace(namespace: Namespace, options: DeleteOptions, now: Instant) -> Removal | Marking:
    """The first request begins the termination, later ones change nothing until it is empty."""
    if namespace.deleting:
        return Removal(namespace) if may_be_removed(namespace) else Marking(namespace)
    finalizers = _finalizers(namespace, options)
    if not finalizers and not namespace.spec.finalizers:
        return Removal(namespace)
    changes: dict[str, Any] = {
        "metadata.deletion_timestamp": now,
        "metadata.finalizers": finalizers,
        "status.phase": "Terminating",
    }
    return Marking(evolve(namespace, **changes))


def _delete_pod(pod: Pod, options: DeleteOptions, now: Instant) -> Removal | Marking:
    """A second request may only shorten the grace period, and may not change the finalizers while one runs."""
    grace_s = pod.metadata.deletion_grace_period_seconds
    if pod.deleting and grace_s:
        if options.grace_s is None or options.grace_s >= grace_s:
            return Marking(pod)
        asked_at = _deadline(pod) - timedelta(seconds=grace_s)
        return _grant(pod, pod, _not_negative(options.grace_s), asked_at, options)
    finalizers = _finalizers(pod, options)
    marked = evolve(pod, **{"metadata.finalizers": finalizers})
    if pod.deleting:
        return _mark_for_finalizers(pod, marked, now) if finalizers else Removal(pod)
    return _grant(pod, next_generation(marked), _first_grace_s(pod, options), now, options)


def _grant(pod: Pod, marked: Pod, grace_s: int, asked_at: Instant, options: DeleteOptions) -> Removal | Marking:
    """Mark with the time by which it should be gone; without grace and finalizers it goes at once."""
    finalizers = _finalizers(marked, options)
    changes: dict[str, Any] = {
        "metadata.finalizers": finalizers,
        "metadata.deletion_timestamp": asked_at + timedelta(seconds=grace_s),
        "metadata.deletion_grace_period_seconds": grace_s,
    }
    marked = evolve(marked, **changes)
    return Marking(marked) if grace_s or finalizers else Removal(marked)


def _first_grace_s(pod: Pod, options: DeleteOptions) -> int:
    """Nobody has to end anything for a pod that is on no node, or that has finished."""
    if not pod.spec.node_name or pod.status.phase in ENDED:
        return 0
    if options.grace_s is not None:
        return _not_negative(options.grace_s)
    return pod.spec.termination_grace_period_seconds


def _not_negative(grace_s: int) -> int:
    """A negative period means one second (Kubernetes: pod strategy)."""
    return 1 if grace_s < 0 else grace_s


def _mark_for_finalizers(obj: Object, marked: Object, now: Instant) -> Marking:
    """Held by finalizers only: the time of the deletion is now, and no grace runs any more."""
    changes: dict[str, Any] = {"metadata.deletion_grace_period_seconds": 0}
    if not obj.deleting:
        marked = next_generation(marked)
    if not obj.deleting or _deadline(obj) > now:
        changes["metadata.deletion_timestamp"] = now
    marked = evolve(marked, **changes)
    return Marking(obj if marked == obj else marked)


def _finalizers(obj: Object, options: DeleteOptions) -> tuple[str, ...]:
    """The object's finalizers with the garbage collector's own two as the propagation wants them."""
    if options.propagation is None:
        return obj.metadata.finalizers
    ours = (FOREGROUND_FINALIZER, ORPHAN_FINALIZER)
    wanted = _OF_PROPAGATION[options.propagation]
    kept = tuple(name for name in obj.metadata.finalizers if name not in ours or name in wanted)
    return kept + tuple(name for name in wanted if name not in kept)


def _deadline(obj: Object) -> Instant:
    assert obj.metadata.deletion_timestamp is not None, "asked of an object that is not being deleted"
    return obj.metadata.deletion_timestamp
