"""The apps group (`apps/v1`): Deployment and ReplicaSet.

Source: Kubernetes API reference, apps/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from proto.objects.meta import Condition, Count, LabelSelector, Many, Model, Number, Object, Wanted
from proto.objects.pod import PodTemplateSpec

IntOrPercent = Annotated[int | str, Wanted("a whole number or a percentage such as 25%")]
"""A count, or a share such as `25%`."""


class RollingUpdateDeployment(Model):
    """How far a rolling update may go above and below the wanted count."""

    max_surge: IntOrPercent = "25%"
    max_unavailable: IntOrPercent = "25%"


class DeploymentStrategy(Model):
    """How pods of the old revision give way to those of the new one."""

    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rolling_update: RollingUpdateDeployment | None = None


class DeploymentSpec(Model):
    """What should run, how many, and how it changes."""

    replicas: Count = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: Count = 0
    revision_history_limit: Count = 10
    progress_deadline_seconds: Count = 600
    paused: bool = False


class DeploymentStatus(Model):
    """Counts over the pods of all revisions."""

    observed_generation: Number | None = None
    replicas: Count = 0
    updated_replicas: Count = 0
    ready_replicas: Count = 0
    available_replicas: Count = 0
    unavailable_replicas: Count = 0
    terminating_replicas: Number | None = None
    collision_count: Number | None = None
    conditions: Many[Condition] = ()


class Deployment(Object):
    """Keeps a number of equal pods running and replaces them, revision by revision, when the template changes."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "Deployment"

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ReplicaSetSpec(Model):
    """How many pods, which ones, made from what."""

    replicas: Count = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    min_ready_seconds: Count = 0


class ReplicaSetStatus(Model):
    """Counts over its pods."""

    observed_generation: Number | None = None
    replicas: Count = 0
    fully_labeled_replicas: Count = 0
    ready_replicas: Count = 0
    available_replicas: Count = 0
    terminating_replicas: Number | None = None
    next_slot: Number | None = None
    """An extension: the first number whose derived pod name was never given, so that names do not come back."""
    conditions: Many[Condition] = ()


class ReplicaSet(Object):
    """Keeps a number of equal pods running."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "ReplicaSet"

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class ScaleSpec(Model):
    """The wanted count."""

    replicas: Count = 0


class ScaleStatus(Model):
    """The present count, and the selector of the pods in text form."""

    replicas: Count = 0
    selector: str = ""


class Scale(Object):
    """The scale subresource: one form for the count of every kind that has one. Never stored."""

    API_VERSION: ClassVar[str] = "autoscaling/v1"
    KIND: ClassVar[str] = "Scale"

    spec: ScaleSpec = ScaleSpec()
    status: ScaleStatus = ScaleStatus()
