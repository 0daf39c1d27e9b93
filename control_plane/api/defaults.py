"""Defaults that depend on other fields of the object; all others are the models' own.

Pure: one function from an object to the object with what its writer left unsaid.
Source: Kubernetes `pkg/apis/{core,apps,batch}/v1/defaults.go`.
"""

from __future__ import annotations

from typing import TypeVar

from control_plane.admission.limit_ranges import with_item_defaults
from proto.base64_text import encoded
from proto.objects.apps import Deployment, DeploymentStrategy, ReplicaSet, RollingUpdateDeployment
from proto.objects.batch import CronJob, Job, JobSpec
from proto.objects.container import Container
from proto.objects.core import Event, ObjectReference
from proto.objects.daemon_set import DaemonSet, DaemonSetUpdateStrategy, RollingUpdateDaemonSet
from proto.objects.health import Lifecycle, LifecycleHandler, Probe
from proto.objects.meta import INT32_MAX, Model, Object, evolve
from proto.objects.pod import Pod, PodSpec
from proto.objects.quota import LimitRange
from proto.objects.secret import Secret
from proto.objects.stateful_set import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetUpdateStrategy,
)

Obj = TypeVar("Obj", bound=Object)


def with_defaults(obj: Object) -> Object:
    """The object with its defaults; itself where there is nothing to add."""
    match obj:
        case Pod():
            return _changed(obj, "spec", obj.spec, _pod_spec(obj.spec))
        case Deployment():
            template, strategy = obj.spec.template.spec, obj.spec.strategy
            obj = _changed(obj, "spec.template.spec", template, _pod_spec(template))
            return _changed(obj, "spec.strategy", strategy, _strategy(strategy))
        case StatefulSet():
            ordered = obj.spec.update_strategy
            obj = _changed(obj, "spec.update_strategy", ordered, _stateful_strategy(ordered))
            return _changed(obj, "spec.template.spec", obj.spec.template.spec, _pod_spec(obj.spec.template.spec))
        case DaemonSet():
            daemon = obj.spec.update_strategy
            obj = _changed(obj, "spec.update_strategy", daemon, _daemon_strategy(daemon))
            return _changed(obj, "spec.template.spec", obj.spec.template.spec, _pod_spec(obj.spec.template.spec))
        case ReplicaSet():
            template = obj.spec.template.spec
            return _changed(obj, "spec.template.spec", template, _pod_spec(template))
        case Job():
            return _changed(obj, "spec", obj.spec, _job_spec(obj.spec))
        case CronJob():
            spec = obj.spec.job_template.spec
            return _changed(obj, "spec.job_template.spec", spec, _job_spec(spec))
        case LimitRange():
            items = tuple(with_item_defaults(item) for item in obj.spec.limits)
            return evolve(obj, **{"spec.limits": items})
        case Secret():
            return _secret(obj)
        case Event():
            return evolve(obj, involved_object=_in_namespace(obj.involved_object, obj.metadata.namespace))
    return obj


def _changed(obj: Obj, path: str, before: Model, after: Model) -> Obj:
    return obj if after is before else evolve(obj, **{path: after})


def _pod_spec(spec: PodSpec) -> PodSpec:
    changes: dict[str, object] = {}
    for field, before in (("containers", spec.containers), ("init_containers", spec.init_containers)):
        after = tuple(_container(container) for container in before)
        if any(new is not old for new, old in zip(after, before, strict=True)):
            changes[field] = after
    return evolve(spec, **changes) if changes else spec


def _container(container: Container) -> Container:
    """A limit without a request is also the request; a probe has its times, a request of it its path."""
    resources = container.resources
    missing = {name: amount for name, amount in resources.limits.items() if name not in resources.requests}
    changes: dict[str, object] = {}
    if missing:
        changes["resources.requests"] = {**resources.requests, **missing}
    for field in ("startup_probe", "liveness_probe", "readiness_probe"):
        probe: Probe | None = getattr(container, field)
        if probe is not None and (after := _probe(probe)) is not probe:
            changes[field] = after
    if container.lifecycle is not None and (lifecycle := _lifecycle(container.lifecycle)) is not container.lifecycle:
        changes["lifecycle"] = lifecycle
    return evolve(container, **changes) if changes else container


def _probe(probe: Probe) -> Probe:
    """0 stands for the default, as in Kubernetes."""
    usual = {"timeout_seconds": 1, "period_seconds": 10, "success_threshold": 1, "failure_threshold": 3}
    changes: dict[str, object] = {field: value for field, value in usual.items() if getattr(probe, field) == 0}
    if probe.http_get is not None and not probe.http_get.path:
        changes["http_get.path"] = "/"
    return evolve(probe, **changes) if changes else probe


def _lifecycle(lifecycle: Lifecycle) -> Lifecycle:
    changes: dict[str, object] = {}
    for field in ("post_start", "pre_stop"):
        handler: LifecycleHandler | None = getattr(lifecycle, field)
        if handler is not None and handler.http_get is not None and not handler.http_get.path:
            changes[f"{field}.http_get.path"] = "/"
    return evolve(lifecycle, **changes) if changes else lifecycle


def _strategy(strategy: DeploymentStrategy) -> DeploymentStrategy:
    if strategy.type == "Recreate" or strategy.rolling_update is not None:
        return strategy
    return evolve(strategy, rolling_update=RollingUpdateDeployment())


def _stateful_strategy(strategy: StatefulSetUpdateStrategy) -> StatefulSetUpdateStrategy:
    if strategy.type == "OnDelete" or strategy.rolling_update is not None:
        return strategy
    return evolve(strategy, rolling_update=RollingUpdateStatefulSetStrategy())


def _daemon_strategy(strategy: DaemonSetUpdateStrategy) -> DaemonSetUpdateStrategy:
    if strategy.type == "OnDelete" or strategy.rolling_update is not None:
        return strategy
    return evolve(strategy, rolling_update=RollingUpdateDaemonSet())


def _job_spec(spec: JobSpec) -> JobSpec:
    """Neither count given: one pod. A limit for each index, or a policy for failures, changes what else is usual."""
    changes: dict[str, object] = {}
    if spec.parallelism is None:
        changes["parallelism"] = 1
        if spec.completions is None:
            changes["completions"] = 1
    if spec.backoff_limit is None:
        changes["backoff_limit"] = 6 if spec.backoff_limit_per_index is None else INT32_MAX
    if spec.pod_replacement_policy is None:
        changes["pod_replacement_policy"] = "TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed"
    template = _pod_spec(spec.template.spec)
    if template is not spec.template.spec:
        changes["template.spec"] = template
    return evolve(spec, **changes) if changes else spec


def _secret(secret: Secret) -> Secret:
    """Texts become data at once, so that nobody ever reads `stringData`."""
    texts = {key: encoded(text.encode()) for key, text in secret.string_data.items()}
    return evolve(secret, type=secret.type or "Opaque", data={**secret.data, **texts}, string_data={})


def _in_namespace(reference: ObjectReference, namespace: str) -> ObjectReference:
    """An event is about something in its own namespace, unless it is about a cluster-scoped object."""
    if reference.namespace or reference.kind in ("", "Node", "Namespace"):
        return reference
    return evolve(reference, namespace=namespace)
