"""PriorityClasses: which one is a pod's, and what that makes of the pod. PURE.

A pod says the name of a class; its priority and preemption policy are written into it when it is created, and stay
what they are, whatever becomes of the class. A pod that names none is of the default class, or of priority 0.

*Reads*: PriorityClasses. Source: Kubernetes `plugin/pkg/admission/priority`.
"""

from __future__ import annotations

from control_plane.admission.refusing import forbidden
from control_plane.plan import Snapshot
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.objects.scheduling import PriorityClass

NO_CLASS = PriorityClass(value=0)
"""What a pod is that names no class where no class is the default."""


def with_priority(pod: Pod, snapshot: Snapshot) -> Pod:
    """The pod with the priority and the preemption policy of its class.

    Raises:
        Forbidden: there is no such class, or the pod says another priority or policy than its class.
    """
    chosen, spec = _class_of(pod, snapshot), pod.spec
    if spec.priority not in (None, chosen.value):
        raise forbidden(
            pod,
            f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
            f"priority admission controller computed {chosen.value} from the given PriorityClass name",
        )
    if spec.preemption_policy not in (None, chosen.preemption_policy):
        raise forbidden(
            pod,
            f"the string value of PreemptionPolicy ({spec.preemption_policy}) must not be provided in pod spec; "
            f"priority admission controller computed {chosen.preemption_policy} from the given PriorityClass name",
        )
    changes: dict[str, object] = {
        "spec.priority": chosen.value,
        "spec.preemption_policy": chosen.preemption_policy,
        "spec.priority_class_name": spec.priority_class_name or chosen.metadata.name,
    }
    return evolve(pod, **changes)


def with_former_priority(old: Pod, new: Pod) -> Pod:
    """A new state of a pod that leaves its priority and policy unsaid keeps them."""
    changes: dict[str, object] = {}
    if new.spec.priority is None:
        changes["spec.priority"] = old.spec.priority
    if new.spec.preemption_policy is None:
        changes["spec.preemption_policy"] = old.spec.preemption_policy
    return evolve(new, **changes) if changes else new


def check_default(new: PriorityClass, snapshot: Snapshot) -> None:
    """One class at most is the default.

    Raises:
        Forbidden: another one is.
    """
    if not new.global_default:
        return
    for other in snapshot.list(PriorityClass):
        if other.global_default and other.metadata.name != new.metadata.name:
            raise forbidden(
                new, f"PriorityClass {other.metadata.name} is already marked as default. Only one default can exist"
            )


def _class_of(pod: Pod, snapshot: Snapshot) -> PriorityClass:
    name = pod.spec.priority_class_name
    if not name:
        return _default_class(snapshot)
    found = snapshot.get(PriorityClass, "", name)
    if found is None:
        raise forbidden(pod, f"no PriorityClass with name {name} was found")
    return found


def _default_class(snapshot: Snapshot) -> PriorityClass:
    """The default; of two that were made at the same moment the lower one (Kubernetes: the same)."""
    defaults = [each for each in snapshot.list(PriorityClass) if each.global_default]
    return min(defaults, key=lambda each: (each.value, each.metadata.name), default=NO_CLASS)
