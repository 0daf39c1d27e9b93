"""The policy group (`policy/v1`): PodDisruptionBudget, and the Eviction that asks one.

Source: Kubernetes API reference, policy/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.no_entries import NO_ENTRIES
from proto.objects.apps import IntOrPercent
from proto.objects.meta import Condition, Count, LabelSelector, Many, Model, Number, Object, Text, Timestamp


class PodDisruptionBudgetSpec(Model):
    """Which pods are protected, and how many of them must stay, or may be missing; one of the two, not both."""

    min_available: IntOrPercent | None = None
    """So many of the pods must stay healthy; a percentage is of the wanted number, rounded up."""
    max_unavailable: IntOrPercent | None = None
    """So many of the pods may be missing; a percentage is of the wanted number, rounded up."""
    selector: LabelSelector | None = None
    """The pods that it protects; an empty one protects all of the namespace, none protects nothing."""
    unhealthy_pod_eviction_policy: Literal["IfHealthyBudget", "AlwaysAllow"] | None = None
    """Whether a pod that is not ready may be evicted: while enough others are healthy (the default), or always."""


class PodDisruptionBudgetStatus(Model):
    """How many more pods may be disrupted now, and what that stands on."""

    observed_generation: Number | None = None
    """The generation of the spec that the numbers are about; evictions wait until it is the newest one."""
    disrupted_pods: Annotated[dict[str, Timestamp], Field(exclude_if=lambda pods: not pods)] = NO_ENTRIES
    """Pods whose eviction was allowed and that are not seen to be deleted yet, by name, with the time of that."""
    disruptions_allowed: Number = 0
    """So many more pods may be disrupted now."""
    current_healthy: Number = 0
    """So many pods are healthy now."""
    desired_healthy: Number = 0
    """So many pods must stay healthy."""
    expected_pods: Number = 0
    """So many pods are protected by it."""
    conditions: Many[Condition] = ()
    """DisruptionAllowed: whether a pod may be disrupted now, and why not."""


class PodDisruptionBudget(Object):
    """Limits how many pods of an application are down at one time because somebody wants their machines."""

    API_VERSION: ClassVar[str] = "policy/v1"
    KIND: ClassVar[str] = "PodDisruptionBudget"

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class Preconditions(Model):
    """What must be so of an object for a request to be done."""

    uid: Text = ""
    """It is still that object."""
    resource_version: Text = ""
    """Nobody has changed it since."""


class DeleteOptions(Model):
    """How a pod is to be deleted that may be evicted."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"ignoreStoreReadErrorWithClusterBreakingPotential"})

    api_version: Text = ""
    kind: Text = ""
    grace_period_seconds: Count | None = None
    """So many seconds its processes get to end; None: as many as the pod says."""
    preconditions: Preconditions | None = None
    """Evict only if these hold."""
    propagation_policy: Text = ""
    """What becomes of its dependents: Background, Foreground or Orphan."""
    orphan_dependents: bool | None = None
    """The older form of `propagationPolicy: Orphan`."""
    dry_run: Many[str] = ()
    """`All`: tell whether it could be evicted, and change nothing."""


class Eviction(Object):
    """The request to end a pod if its budgets allow that: `metadata.name` is the pod. Never stored."""

    API_VERSION: ClassVar[str] = "policy/v1"
    KIND: ClassVar[str] = "Eviction"

    delete_options: DeleteOptions | None = None
    """How to delete it."""
