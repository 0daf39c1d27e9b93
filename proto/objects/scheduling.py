"""The scheduling group (`scheduling.k8s.io/v1`): PriorityClass.

Source: Kubernetes API reference, scheduling.k8s.io/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.meta import INT32_MAX, Object, Text

PreemptionPolicy = Literal["PreemptLowerPriority", "Never"]

HIGHEST_USER_PRIORITY = 1_000_000_000
"""Higher values are the system's own."""

SYSTEM_PREFIX = "system-"
"""Names that only the system's own classes have."""

Priority = Annotated[int, Field(ge=-INT32_MAX - 1, le=INT32_MAX)]
"""32 bits, as in Kubernetes; the higher, the more important."""


class PriorityClass(Object):
    """A name for how important pods are: pods say the name, the class says the number."""

    API_VERSION: ClassVar[str] = "scheduling.k8s.io/v1"
    KIND: ClassVar[str] = "PriorityClass"

    value: Priority
    """The priority of the pods that name the class; the higher, the more important. It cannot be changed."""
    global_default: bool = False
    """Whether pods that name no class are of this one; at most one class is the default."""
    description: Text = ""
    """When to use it, for people."""
    preemption_policy: PreemptionPolicy = "PreemptLowerPriority"
    """Whether its pods may end others of lower priority to get room: PreemptLowerPriority, or Never."""


SYSTEM_CLASSES: dict[str, tuple[int, str]] = {
    "system-cluster-critical": (
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    "system-node-critical": (
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
}
"""The classes that every cluster has: value and description (Kubernetes: SystemPriorityClasses)."""
