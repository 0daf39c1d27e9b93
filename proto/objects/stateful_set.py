"""StatefulSet (`apps/v1`): pods with names of their own, kept in order.

Source: Kubernetes API reference, apps/v1 StatefulSet.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from proto.objects.apps import IntOrPercent
from proto.objects.meta import Condition, Count, LabelSelector, Many, Model, Number, Object, Text
from proto.objects.pod import PodTemplateSpec


class RollingUpdateStatefulSetStrategy(Model):
    """How far, and how fast, a rolling update goes."""

    partition: Count = 0
    """Pods with a lower ordinal (counted from `ordinals.start`) keep the former revision."""
    max_unavailable: IntOrPercent | None = None
    """So many pods may be unavailable during an update, as a number or a percentage of `replicas`; without it, one."""


class StatefulSetUpdateStrategy(Model):
    """How pods of the old revision give way to those of the new one."""

    type: Literal["RollingUpdate", "OnDelete"] = "RollingUpdate"
    """RollingUpdate replaces pods from the highest ordinal down; OnDelete leaves it to whoever deletes them."""
    rolling_update: RollingUpdateStatefulSetStrategy | None = None
    """How far, and how fast, RollingUpdate goes."""


class StatefulSetOrdinals(Model):
    """Which numbers the pods have."""

    start: Count = 0
    """The lowest ordinal."""


class StatefulSetSpec(Model):
    """What should run, how many, and in which order."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"volumeClaimTemplates", "persistentVolumeClaimRetentionPolicy"}
    )

    replicas: Count = 1
    """The wanted number of pods."""
    selector: LabelSelector = LabelSelector()
    """The pods that belong to it; must choose the template's labels and cannot be changed."""
    template: PodTemplateSpec = PodTemplateSpec()
    """The pods to make; another template is another revision."""
    service_name: Text = ""
    """The service that governs the pods' network names; kept for Kubernetes' manifests, without effect here."""
    pod_management_policy: Literal["OrderedReady", "Parallel"] = "OrderedReady"
    """OrderedReady makes and deletes pods one after the other, Parallel all at once; updates are ordered in both."""
    update_strategy: StatefulSetUpdateStrategy = StatefulSetUpdateStrategy()
    """How a new revision replaces the former one."""
    revision_history_limit: Count = 10
    """So many former revisions are kept, to go back to."""
    min_ready_seconds: Count = 0
    """A pod counts as available when it has been ready for so many seconds."""
    ordinals: StatefulSetOrdinals | None = None
    """Which numbers the pods have; without it they begin at 0."""


class StatefulSetStatus(Model):
    """Counts over the pods of all revisions."""

    observed_generation: Number | None = None
    """The generation of the spec that the counts are about."""
    replicas: Count = 0
    """All pods that there are."""
    ready_replicas: Count = 0
    """Those that are ready."""
    available_replicas: Count = 0
    """Those that have been ready for `minReadySeconds`."""
    current_replicas: Count = 0
    """Those of `currentRevision`."""
    updated_replicas: Count = 0
    """Those of `updateRevision`."""
    current_revision: Text = ""
    """The ControllerRevision that all pods last had."""
    update_revision: Text = ""
    """The ControllerRevision of the present template."""
    collision_count: Number | None = None
    """How often the name for a ControllerRevision was another's."""
    conditions: Many[Condition] = ()
    """ReplicaFailure: a pod could not be made or deleted."""


class StatefulSet(Object):
    """Keeps numbered pods running, each under a name of its own, of which at most one runs at any time."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "StatefulSet"

    spec: StatefulSetSpec = StatefulSetSpec()
    """What should be."""
    status: StatefulSetStatus = StatefulSetStatus()
    """What is; written by the controller."""
