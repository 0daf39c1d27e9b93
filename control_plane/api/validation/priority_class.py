"""What a PriorityClass must be.

Source: Kubernetes `pkg/apis/scheduling/validation/validation.go`, `pkg/apis/scheduling/v1/helpers.go`.
"""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto.objects.scheduling import HIGHEST_USER_PRIORITY, SYSTEM_CLASSES, SYSTEM_PREFIX, PriorityClass


def check(priority: PriorityClass, problems: Problems) -> None:
    """The system's names are for the system's classes, and so are the highest values."""
    name = priority.metadata.name
    if name.startswith(SYSTEM_PREFIX):
        if problem := _system_problem(priority):
            problems.forbidden(
                "metadata.name",
                f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. "
                f"error: {problem}",
            )
    elif priority.value > HIGHEST_USER_PRIORITY:
        problems.forbidden("value", f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}")


def check_update(old: PriorityClass, new: PriorityClass, problems: Problems) -> None:
    """Pods carry what the class said when they were made; so it stays what it says."""
    if old.value != new.value:
        problems.forbidden("value", "may not be changed in an update.")
    if old.preemption_policy != new.preemption_policy:
        problems.invalid("preemptionPolicy", new.preemption_policy, "field is immutable")


def _system_problem(priority: PriorityClass) -> str:
    """What keeps a class from being one of the system's own."""
    name = priority.metadata.name
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    value, _ = SYSTEM_CLASSES[name]
    if priority.value != value:
        return f"value of {name} PriorityClass must be {value}"
    return f"globalDefault of {name} PriorityClass must be false" if priority.global_default else ""
