"""The scale subresource: one form for the wanted count of every kind that has one.

Pure. Source: Kubernetes autoscaling/v1 Scale.
"""

from __future__ import annotations

from typing import TypeVar

from proto.objects.apps import Deployment, ReplicaSet, Scale, ScaleSpec, ScaleStatus
from proto.objects.meta import Object, ObjectMeta, evolve
from proto.objects.stateful_set import StatefulSet
from proto.selectors import format_label_selector

Obj = TypeVar("Obj", bound=Object)


def scale_of(obj: Object) -> Scale:
    """The scale of a Deployment, ReplicaSet or StatefulSet, with the identity and revision of the object itself."""
    assert isinstance(obj, Deployment | ReplicaSet | StatefulSet), "the catalog gives a scale to no other kind"
    identity = obj.metadata
    return Scale(
        metadata=ObjectMeta(
            name=identity.name,
            namespace=identity.namespace,
            uid=identity.uid,
            resource_version=identity.resource_version,
            creation_timestamp=identity.creation_timestamp,
        ),
        spec=ScaleSpec(replicas=obj.spec.replicas),
        status=ScaleStatus(replicas=obj.status.replicas, selector=format_label_selector(obj.spec.selector)),
    )


def with_replicas(obj: Obj, scale: Scale) -> Obj:
    """The object with the count that `scale` wants."""
    return evolve(obj, **{"spec.replicas": scale.spec.replicas})
