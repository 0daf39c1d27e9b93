"""What an object uses of a quota's resources, and which pods a quota counts. PURE.

Every object is one of its kind: `count/deployments.apps`, and for some kinds a short name as well. A pod that has not
ended also uses what its containers ask for. A pod that should be gone by now, but whose node cannot say so, uses
nothing any more.

Source: Kubernetes `pkg/quota/v1/evaluator/core`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from control_plane.admission.amounts import Amounts, amount
from proto import catalog
from proto.objects.container import Container
from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.objects.quota import ResourceQuota, ScopedResourceSelectorRequirement
from proto.phases import ENDED
from proto.pod_amounts import every_container, most_at_once
from proto.qos import qos_class
from proto.quantity import HUGE_PAGES

NOT_COUNTED = frozenset({"Event", "Lease"})
"""What the cluster itself makes in passing (Kubernetes ignores Events)."""

_SHORT = {
    "Pod": "pods",
    "ConfigMap": "configmaps",
    "Secret": "secrets",
    "Service": "services",
    "ResourceQuota": "resourcequotas",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}
"""Kinds that are also counted by their plain name (Kubernetes: the legacy object counts)."""

_UNPREFIXED = ("cpu", "memory", "ephemeral-storage")
"""Requests of these are also known by their plain name."""

_MUST_BE_GIVEN = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
"""If a quota limits one of these, every container has to say it."""

_SCOPES: dict[str, Callable[[Pod], bool]] = {
    "Terminating": lambda pod: False,  # No pod has an activeDeadlineSeconds of its own here.
    "NotTerminating": lambda pod: True,
    "BestEffort": lambda pod: _is_best_effort(pod),
    "NotBestEffort": lambda pod: not _is_best_effort(pod),
    "PriorityClass": lambda pod: bool(pod.spec.priority_class_name),
}


def counted_kinds(quota: ResourceQuota) -> list[catalog.Kind]:
    """The kinds of which a quota counts anything."""
    names = quota.spec.hard
    kinds = [kind for kind in catalog.KINDS if kind.namespaced and kind.kind not in NOT_COUNTED]
    return [kind for kind in kinds if any(_concerns(kind, name) for name in names)]


def concerns(quota: ResourceQuota, obj: Object) -> bool:
    """Whether a quota counts anything of an object, now that it is what it is."""
    kind = catalog.of(obj)
    if kind.kind in NOT_COUNTED or not any(_concerns(kind, name) for name in quota.spec.hard):
        return False
    return _chooses(quota, obj)


def usage(obj: Object, resources: Collection[str], now: datetime) -> Amounts:
    """What an object uses of `resources`; those that it does not use are left out."""
    kind = catalog.of(obj)
    used = {f"count/{kind.qualified_resource}": 1}
    if isinstance(obj, Pod):
        if not _uses_nothing(obj, now):
            used |= {"pods": 1, **_asked(obj)}
    elif kind.kind in _SHORT:
        used[_SHORT[kind.kind]] = 1
    return {name: count for name, count in used.items() if name in resources}


def unsaid(pod: Pod, resources: Collection[str]) -> str:
    """What containers have to say and do not, in Kubernetes' words; "" if all is said."""
    missing: dict[str, list[str]] = {}
    for container in every_container(pod.spec):
        said = _asked_by(container)
        for name in _MUST_BE_GIVEN.intersection(resources) - said.keys():
            missing.setdefault(name, []).append(container.name)
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


def uses_as_before(old: Pod, new: Pod) -> bool:
    """Whether a change of a pod leaves what it uses as it was, but for the passing of time."""
    lives_as_before = (old.status.phase in ENDED) == (new.status.phase in ENDED) and old.deleting == new.deleting
    return lives_as_before and old.metadata.generation == new.metadata.generation


def _concerns(kind: catalog.Kind, resource: str) -> bool:
    if resource == f"count/{kind.qualified_resource}" or resource == _SHORT.get(kind.kind):
        return True
    return kind.kind == "Pod" and not resource.startswith("count/") and resource not in _SHORT.values()


def _chooses(quota: ResourceQuota, obj: Object) -> bool:
    """Whether the scopes of a quota let it count an object; with scopes it counts pods only."""
    spec = quota.spec
    rules = spec.scope_selector.match_expressions if spec.scope_selector is not None else ()
    if not spec.scopes and not rules:
        return True
    if not isinstance(obj, Pod):
        return False
    return all(_SCOPES[scope](obj) for scope in spec.scopes if scope in _SCOPES) and all(
        _matches(rule, obj) for rule in rules
    )


def _matches(rule: ScopedResourceSelectorRequirement, pod: Pod) -> bool:
    if rule.scope_name != "PriorityClass":
        scope = _SCOPES.get(rule.scope_name)
        return scope is None or scope(pod)
    name = pod.spec.priority_class_name
    match rule.operator:
        case "In":
            return name in rule.values
        case "NotIn":
            return name not in rule.values
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name


def _uses_nothing(pod: Pod, now: datetime) -> bool:
    """It has ended, or should have been gone before now."""
    if pod.status.phase in ENDED:
        return True
    deadline = pod.metadata.deletion_timestamp
    return deadline is not None and pod.metadata.deletion_grace_period_seconds is not None and deadline < now


def _asked(pod: Pod) -> dict[str, int]:
    """The most that the containers ask for at any one time."""
    return most_at_once(pod.spec, _asked_by)


def _asked_by(container: Container) -> dict[str, int]:
    """What a container asks for, under each name that a quota may have for it."""
    asked: dict[str, int] = {}
    for name, quantity in container.resources.requests.items():
        asked[f"requests.{name}"] = count = amount(name, quantity)
        if name in _UNPREFIXED or name.startswith(HUGE_PAGES):
            asked[name] = count
    for name, quantity in container.resources.limits.items():
        asked[f"limits.{name}"] = amount(name, quantity)
    return asked


def _is_best_effort(pod: Pod) -> bool:
    """Whether no container asks for anything or is limited (Kubernetes: the QoS class BestEffort)."""
    return qos_class(pod.spec) == "BestEffort"
