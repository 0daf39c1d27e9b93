"""What a namespace may use (`v1`): ResourceQuota for all of it together, LimitRange for each pod and container.

Source: Kubernetes API reference, core/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.no_entries import NO_ENTRIES
from proto.objects.core import ResourceList
from proto.objects.meta import Many, Model, Object, Timestamp


class ScopedResourceSelectorRequirement(Model):
    """One thing that a pod must be for a quota to count it."""

    scope_name: str
    """Terminating, NotTerminating, BestEffort, NotBestEffort or PriorityClass."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the pod's value is compared with `values`; Exists is the only one for scopes other than PriorityClass."""
    values: Many[str] = ()
    """Names of PriorityClasses, for In and NotIn."""


class ScopeSelector(Model):
    """Which pods a quota counts, by their scopes; all parts must hold."""

    match_expressions: Many[ScopedResourceSelectorRequirement] = ()
    """The parts."""


class ResourceQuotaSpec(Model):
    """What all objects of a namespace may use together."""

    hard: ResourceList = NO_ENTRIES
    """The most of each: `pods`, `requests.cpu`, `limits.memory`, `count/deployments.apps`, …"""
    scopes: Many[str] = ()
    """Only pods of all these scopes are counted: Terminating, NotTerminating, BestEffort, NotBestEffort, PriorityClass.
    It cannot be changed."""
    scope_selector: ScopeSelector | None = None
    """Only pods that it chooses are counted."""


class QuotaReservation(Model):
    """An extension: what was granted to an object that is being created and may not be seen yet."""

    at: Timestamp
    """When it was granted."""
    used: ResourceList = NO_ENTRIES
    """What the object uses."""


class ResourceQuotaStatus(Model):
    """What is used of a quota."""

    hard: ResourceList = NO_ENTRIES
    """The limits that `used` is about."""
    used: ResourceList = NO_ENTRIES
    """What all objects of the namespace use together, those included that are being created."""
    reserved: Annotated[dict[str, QuotaReservation], Field(exclude_if=lambda reserved: not reserved)] = NO_ENTRIES
    """An extension: objects, by uid, whose use was granted and that were not seen yet when it was counted last."""
    counted_at: Timestamp | None = None
    """An extension: when the objects of the namespace were counted last with a new result."""


class ResourceQuota(Object):
    """Limits what all objects of a namespace use together; what would go beyond it is not created."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ResourceQuota"

    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class LimitRangeItem(Model):
    """Limits and defaults for one type of thing."""

    type: str
    """What is limited: Container, or Pod (the sum of its containers)."""
    max: ResourceList = NO_ENTRIES
    """The most of each resource; a limit must be given then."""
    min: ResourceList = NO_ENTRIES
    """The least of each resource; a request must be given then."""
    default: ResourceList = NO_ENTRIES
    """The limits of a container that gives none; where it is left out, `max`. For containers only."""
    default_request: ResourceList = NO_ENTRIES
    """The requests of a container that gives none; where it is left out, `default`, then `min`. For containers only."""
    max_limit_request_ratio: ResourceList = NO_ENTRIES
    """How many times the request a limit may be, at most."""


class LimitRangeSpec(Model):
    """The limits of a namespace."""

    limits: Many[LimitRangeItem] = ()
    """One for each type of thing."""


class LimitRange(Object):
    """Limits, and defaults, for what each pod and container of a namespace asks for."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "LimitRange"

    spec: LimitRangeSpec = LimitRangeSpec()
