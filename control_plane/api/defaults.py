"""Defaults that depend on other fields of the object; all others are the models' own.

Pure: one function from an object to the object with what its writer left unsaid.
Source: Kubernetes `pkg/apis/{core,apps}/v1/defaults.go`.
"""

from __future__ import annotations

from proto.objects.apps import Deployment, DeploymentStrategy, ReplicaSet, RollingUpdateDeployment
from proto.objects.core import Event, ObjectReference
from proto.objects.meta import Object, evolve
from proto.objects.pod import Container, Pod, PodSpec


def with_defaults(obj: Object) -> Object:
    """The object with its defaults; itself where there is nothing to add."""
    match obj:
        case Pod():
            return evolve(obj, spec=_pod_spec(obj.spec))
        case Deployment():
            template = evolve(obj.spec.template, spec=_pod_spec(obj.spec.template.spec))
            return evolve(obj, **{"spec.template": template, "spec.strategy": _strategy(obj.spec.strategy)})
        case ReplicaSet():
            return evolve(obj, **{"spec.template.spec": _pod_spec(obj.spec.template.spec)})
        case Event():
            return evolve(obj, involved_object=_in_namespace(obj.involved_object, obj.metadata.namespace))
    return obj


def _pod_spec(spec: PodSpec) -> PodSpec:
    return evolve(spec, containers=tuple(_container(container) for container in spec.containers))


def _container(container: Container) -> Container:
    """A limit without a request is also the request."""
    resources = container.resources
    missing = {name: amount for name, amount in resources.limits.items() if name not in resources.requests}
    if not missing:
        return container
    return evolve(container, **{"resources.requests": {**resources.requests, **missing}})


def _strategy(strategy: DeploymentStrategy) -> DeploymentStrategy:
    if strategy.type != "RollingUpdate" or strategy.rolling_update is not None:
        return strategy
    return evolve(strategy, rolling_update=RollingUpdateDeployment())


def _in_namespace(reference: ObjectReference, namespace: str) -> ObjectReference:
    """An event is about something in its own namespace, unless it is about a cluster-scoped object."""
    if reference.namespace or reference.kind in ("", "Node", "Namespace"):
        return reference
    return evolve(reference, namespace=namespace)
