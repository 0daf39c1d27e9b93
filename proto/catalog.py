"""Every kind there is: group, version, resource, scope, short names and subresources.

One table that all sides read: the API for routing and checks, the CLI for aliases, the store for keys. The models
are imported when first asked for, so that a program which only needs the names starts fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal, cast

from proto.spelling import did_you_mean

if TYPE_CHECKING:
    from proto.objects.meta import Object

NameRule = Literal["subdomain", "label"]


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    `group` is Kubernetes' ("" for core); `group_token` is its one-word form in subjects.
    """

    group: str
    version: str
    kind: str
    resource: str
    singular: str
    namespaced: bool
    module: str
    short_names: tuple[str, ...] = ()
    name_rule: NameRule = "subdomain"
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`, …"""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_token(self) -> str:
        """The group as one subject token: `core`, `apps`, `coordination`."""
        return self.group.partition(".")[0] or "core"

    @property
    def qualified_resource(self) -> str:
        """`pods`, `deployments.apps`: what messages call it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @cached_property
    def model(self) -> type[Object]:
        """The pydantic model."""
        return cast("type[Object]", getattr(import_module(self.module), self.kind))


_CORE = "proto.objects.core"
_APPS = "proto.objects.apps"
_BATCH = "proto.objects.batch"
_POLICY = "proto.objects.policy"
_QUOTA = "proto.objects.quota"

KINDS: tuple[Kind, ...] = (
    Kind("", "v1", "Namespace", "namespaces", "namespace", False, _CORE, ("ns",), "label", ("status", "finalize")),
    Kind("", "v1", "Node", "nodes", "node", False, _CORE, ("no",), "subdomain", ("status",)),
    Kind("", "v1", "Pod", "pods", "pod", True, "proto.objects.pod", ("po",), "subdomain",
         ("status", "binding", "eviction", "resize")),
    Kind("", "v1", "ConfigMap", "configmaps", "configmap", True, _CORE, ("cm",)),
    Kind("", "v1", "Secret", "secrets", "secret", True, "proto.objects.secret"),
    Kind("", "v1", "ResourceQuota", "resourcequotas", "resourcequota", True, _QUOTA, ("quota",), "subdomain",
         ("status",)),
    Kind("", "v1", "LimitRange", "limitranges", "limitrange", True, _QUOTA, ("limits",)),
    Kind("", "v1", "Event", "events", "event", True, _CORE, ("ev",)),
    Kind("apps", "v1", "Deployment", "deployments", "deployment", True, _APPS, ("deploy",), "subdomain",
         ("status", "scale")),
    Kind("apps", "v1", "ReplicaSet", "replicasets", "replicaset", True, _APPS, ("rs",), "subdomain",
         ("status", "scale")),
    Kind("apps", "v1", "StatefulSet", "statefulsets", "statefulset", True, "proto.objects.stateful_set", ("sts",),
         "subdomain", ("status", "scale")),
    Kind("apps", "v1", "DaemonSet", "daemonsets", "daemonset", True, "proto.objects.daemon_set", ("ds",), "subdomain",
         ("status",)),
    Kind("apps", "v1", "ControllerRevision", "controllerrevisions", "controllerrevision", True,
         "proto.objects.controller_revision"),
    Kind("batch", "v1", "Job", "jobs", "job", True, _BATCH, (), "subdomain", ("status",)),
    Kind("batch", "v1", "CronJob", "cronjobs", "cronjob", True, _BATCH, ("cj",), "subdomain", ("status",)),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget", True, _POLICY, ("pdb",),
         "subdomain", ("status",)),
    Kind("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "priorityclass", False,
         "proto.objects.scheduling", ("pc",)),
    Kind("coordination.k8s.io", "v1", "Lease", "leases", "lease", True, "proto.objects.coordination"),
)  # fmt: skip

BY_KIND: dict[str, Kind] = {kind.kind: kind for kind in KINDS}
_BY_GVK = {(kind.api_version, kind.kind): kind for kind in KINDS}
_BY_ROUTE = {(kind.group_token, kind.resource): kind for kind in KINDS}


def by_gvk(api_version: str, kind: str) -> Kind | None:
    """The kind of a manifest, or None."""
    return _BY_GVK.get((api_version, kind))


def by_route(group_token: str, resource: str) -> Kind | None:
    """The kind of a subject's group and resource tokens, or None."""
    return _BY_ROUTE.get((group_token, resource))


@lru_cache(maxsize=256)
def by_alias(word: str) -> Kind | None:
    """What a person may call it: resource, singular, kind or short name, each also as `name.group`, in any case."""
    name, _, group = word.lower().partition(".")
    for kind in KINDS:
        if name in (kind.resource, kind.singular, kind.kind.lower(), *kind.short_names) and (
            not group or group in (kind.group, kind.group_token, f"{kind.version}.{kind.group}")
        ):
            return kind
    return None


def unknown_kind(api_version: str, kind: str) -> str:
    """Why there is no such kind, and what was probably meant."""
    message = f'no matches for kind "{kind}" in version "{api_version}"'
    if kind in BY_KIND:
        return f'{message}, did you mean apiVersion "{BY_KIND[kind].api_version}"?'
    return message + did_you_mean(kind, BY_KIND)


def of(obj: Object) -> Kind:
    """The catalog's entry for an object's class."""
    return BY_KIND[obj.KIND]
