"""The apps group (`apps/v1`): Deployment and ReplicaSet.

Source: Kubernetes API reference, apps/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from proto.objects.meta import Condition, Count, LabelSelector, Many, Model, Number, Object, Timestamp, Wanted
from proto.objects.pod import PodTemplateSpec

IntOrPercent = Annotated[int | str, Wanted("a whole number or a percentage such as 25%")]
"""A count, or a share such as `25%`."""


class RollingUpdateDeployment(Model):
    """How far a rolling update may go above and below the wanted count."""

    max_surge: IntOrPercent = "25%"
    """So many pods more than wanted may there be; a percentage is of `replicas`, rounded up."""
    max_unavailable: IntOrPercent = "25%"
    """So many pods fewer than wanted may be available; a percentage is of `replicas`, rounded down."""


class CanaryPause(Model):
    """A stop on the way of a canary."""

    duration_seconds: Count | None = None
    """For so many seconds; without it, until `setpoint rollout promote`."""


class CanaryStep(Model):
    """One step of a canary: exactly one of the three."""

    set_weight: Count | None = None
    """Pods of the new revision become so many percent of `replicas`, rounded up; below 100 one former pod is left."""
    set_replicas: Count | None = None
    """Pods of the new revision become so many."""
    pause: CanaryPause | None = None
    """Wait here."""


class CanaryStrategy(Model):
    """An extension: the new revision gets its pods step by step, and can be aborted on the way."""

    steps: Many[CanaryStep] = ()
    """In this order; after the last one the new revision gets all pods."""


class DeploymentStrategy(Model):
    """How pods of the old revision give way to those of the new one."""

    type: Literal["RollingUpdate", "Recreate", "Canary"] = "RollingUpdate"
    """RollingUpdate goes on by itself, Recreate ends all former pods first, Canary (an extension) goes by steps."""
    rolling_update: RollingUpdateDeployment | None = None
    """How far above and below the wanted count RollingUpdate and Canary may go."""
    canary: CanaryStrategy | None = None
    """An extension: the steps of Canary."""


class DeploymentSpec(Model):
    """What should run, how many, and how it changes."""

    replicas: Count = 1
    """The wanted number of pods."""
    selector: LabelSelector = LabelSelector()
    """The pods that belong to it; must choose the template's labels and cannot be changed."""
    template: PodTemplateSpec = PodTemplateSpec()
    """The pods to make; another template is another revision."""
    strategy: DeploymentStrategy = DeploymentStrategy()
    """How a new revision replaces the former one."""
    min_ready_seconds: Count = 0
    """A pod counts as available when it has been ready for so many seconds."""
    revision_history_limit: Count = 10
    """So many former revisions are kept, to go back to."""
    progress_deadline_seconds: Count = 600
    """A rollout that takes no step for so many seconds has failed to progress."""
    paused: bool = False
    """A paused Deployment takes no step of a rollout; it still scales."""
    auto_rollback: bool = False
    """An extension: a rollout that fails returns to the last revision that was fully available."""


class CanaryStatus(Model):
    """An extension: how far the steps of a canary are."""

    revision: Number = 0
    """The revision whose steps these are."""
    current_step_index: Count = 0
    """The step under way, from 0; the number of steps when all are done."""
    paused_since: Timestamp | None = None
    """When the present pause began."""
    aborted: bool = False
    """Whether it was aborted: then all pods are of the stable revision."""
    stable_revision: Number | None = None
    """The revision that was last fully available: the one the canary is compared with."""


class DeploymentStatus(Model):
    """Counts over the pods of all revisions."""

    observed_generation: Number | None = None
    """The generation of the spec that the counts and conditions are about."""
    replicas: Count = 0
    """All pods that have not ended and are not being deleted."""
    updated_replicas: Count = 0
    """Those of the present template."""
    ready_replicas: Count = 0
    """Those that are ready."""
    available_replicas: Count = 0
    """Those that have been ready for `minReadySeconds`."""
    unavailable_replicas: Count = 0
    """Those that are missing or not available."""
    terminating_replicas: Number | None = None
    """Those that are being deleted."""
    collision_count: Number | None = None
    """How often the name for a ReplicaSet was another's."""
    canary: CanaryStatus | None = None
    """An extension: how far the canary is."""
    conditions: Many[Condition] = ()
    """Available, Progressing, ReplicaFailure and, an extension, RolledBack."""


class Deployment(Object):
    """Keeps a number of equal pods running and replaces them, revision by revision, when the template changes."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "Deployment"

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ReplicaSetSpec(Model):
    """How many pods, which ones, made from what."""

    replicas: Count = 1
    """The wanted number of pods."""
    selector: LabelSelector = LabelSelector()
    """The pods that belong to it: those are adopted, counted and replaced; it cannot be changed."""
    template: PodTemplateSpec = PodTemplateSpec()
    """The pods to make; a change of it is for pods that are made from then on."""
    min_ready_seconds: Count = 0
    """A pod counts as available when it has been ready for so many seconds."""


class ReplicaSetStatus(Model):
    """Counts over its pods."""

    observed_generation: Number | None = None
    """The generation of the spec that the counts are about."""
    replicas: Count = 0
    """Pods that have not ended and are not being deleted."""
    fully_labeled_replicas: Count = 0
    """Those with all labels of the template."""
    ready_replicas: Count = 0
    """Those that are ready."""
    available_replicas: Count = 0
    """Those that have been ready for `minReadySeconds`."""
    terminating_replicas: Number | None = None
    """Pods that are being deleted."""
    next_slot: Number | None = None
    """An extension: the first number whose derived pod name was never given, so that names do not come back."""
    conditions: Many[Condition] = ()
    """ReplicaFailure: pods could not be made or deleted."""


class ReplicaSet(Object):
    """Keeps a number of equal pods running."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "ReplicaSet"

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class ScaleSpec(Model):
    """The wanted count."""

    replicas: Count = 0
    """The wanted number."""


class ScaleStatus(Model):
    """The present count, and the selector of the pods in text form."""

    replicas: Count = 0
    """The present number."""
    selector: str = ""
    """The pods that are counted."""


class Scale(Object):
    """The scale subresource: one form for the count of every kind that has one. Never stored."""

    API_VERSION: ClassVar[str] = "autoscaling/v1"
    KIND: ClassVar[str] = "Scale"

    spec: ScaleSpec = ScaleSpec()
    status: ScaleStatus = ScaleStatus()
