"""DaemonSet (`apps/v1`): one pod on each node that is fit for it.

Source: Kubernetes API reference, apps/v1 DaemonSet.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from proto.objects.apps import IntOrPercent
from proto.objects.meta import Condition, Count, LabelSelector, Many, Model, Number, Object
from proto.objects.pod import PodTemplateSpec


class RollingUpdateDaemonSet(Model):
    """How many nodes may be without an available pod, or have two, during an update."""

    max_surge: IntOrPercent = 0
    """On so many nodes the new pod may start before the old one is ended; a percentage of the nodes, rounded up."""
    max_unavailable: IntOrPercent = 1
    """So many nodes may be without an available pod; a percentage is of the nodes, rounded up."""


class DaemonSetUpdateStrategy(Model):
    """How pods of the old revision give way to those of the new one."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    """RollingUpdate goes on by itself; OnDelete leaves it to whoever deletes the pods."""
    rolling_update: RollingUpdateDaemonSet | None = None
    """How fast RollingUpdate goes."""


class DaemonSetSpec(Model):
    """What should run on each node, and how it changes."""

    selector: LabelSelector = LabelSelector()
    """The pods that belong to it; must choose the template's labels and cannot be changed."""
    template: PodTemplateSpec = PodTemplateSpec()
    """The pod for each node; its node selector and tolerations say which nodes are fit."""
    update_strategy: DaemonSetUpdateStrategy = DaemonSetUpdateStrategy()
    """How a new revision replaces the former one."""
    min_ready_seconds: Count = 0
    """A pod counts as available when it has been ready for so many seconds."""
    revision_history_limit: Count = 10
    """So many former revisions are kept, to go back to."""


class DaemonSetStatus(Model):
    """Counts over nodes."""

    observed_generation: Number | None = None
    """The generation of the spec that the counts are about."""
    current_number_scheduled: Count = 0
    """Nodes that should have a pod and have one."""
    number_misscheduled: Count = 0
    """Nodes that have a pod and should not."""
    desired_number_scheduled: Count = 0
    """Nodes that should have a pod."""
    number_ready: Count = 0
    """Nodes that should have a pod and have a ready one."""
    updated_number_scheduled: Count = 0
    """Nodes whose pod is of the present template."""
    number_available: Count = 0
    """Nodes whose pod has been ready for `minReadySeconds`."""
    number_unavailable: Count = 0
    """Nodes that should have a pod and have no available one."""
    collision_count: Number | None = None
    """How often the name for a ControllerRevision was another's."""
    conditions: Many[Condition] = ()
    """ReplicaFailure: a pod could not be made or deleted."""


class DaemonSet(Object):
    """Keeps one pod running on each node that is fit for it, as nodes come and go."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "DaemonSet"

    spec: DaemonSetSpec = DaemonSetSpec()
    """What should be."""
    status: DaemonSetStatus = DaemonSetStatus()
    """What is; written by the controller."""
