"""What a ResourceQuota must be.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateResourceQuota, validateScopedResourceSelector).
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.quota import ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement
from proto.quantity import HUGE_PAGES, parse_quantity

OBJECT_COUNTS = frozenset(
    {"pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
     "services.nodeports", "services.loadbalancers"}
)  # fmt: skip
COMPUTE = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
STORAGE = frozenset({"ephemeral-storage", "requests.ephemeral-storage", "limits.ephemeral-storage", "requests.storage"})
STANDARD = OBJECT_COUNTS | COMPUTE | STORAGE
"""Names without a `/` that a quota may limit."""

SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "PriorityClass")
_OPPOSITES = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_EXISTS_ONLY = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort")


def check(quota: ResourceQuota, problems: Problems) -> None:
    """A ResourceQuota."""
    for name, quantity in quota.spec.hard.items():
        _check_resource(name, quantity, f"spec.hard[{name}]", problems)
    _check_scopes(quota.spec.scopes, quota.spec, "spec.scopes", problems)
    if quota.spec.scope_selector is not None:
        rules = quota.spec.scope_selector.match_expressions
        for index, rule in enumerate(rules):
            _check_rule(rule, f"spec.scopeSelector.matchExpressions[{index}]", problems)
        scopes = [rule.scope_name for rule in rules]
        _check_scopes(scopes, quota.spec, "spec.scopeSelector.matchExpressions", problems)


def check_update(old: ResourceQuota, new: ResourceQuota, problems: Problems) -> None:
    """What is counted is for the whole life; how much may be is not."""
    if set(old.spec.scopes) != set(new.spec.scopes):
        problems.invalid("spec.scopes", list(new.spec.scopes), "field is immutable")


def _check_resource(name: str, quantity: str, path: str, problems: Problems) -> None:
    if "/" not in name and name not in STANDARD and not _is_extended(name):
        problems.invalid(path, name, "must be a standard resource for quotas")
    elif "/" in name:
        problems.name(path, name, names.label_key_problem(name))
    amount = parse_quantity(quantity)
    if amount < 0:
        problems.invalid(path, quantity, "must be greater than or equal to 0")
    elif (name in OBJECT_COUNTS or name.startswith("count/")) and amount != amount.to_integral_value():
        problems.invalid(path, quantity, "must be an integer")


def _is_extended(name: str) -> bool:
    """Large pages, which are named by their size."""
    return name.removeprefix("requests.").startswith(HUGE_PAGES)


def _check_scopes(scopes: Sequence[str], spec: ResourceQuotaSpec, path: str, problems: Problems) -> None:
    """Known ones, that can be counted for every resource, and not two that exclude each other."""
    for scope in dict.fromkeys(scopes):
        if scope not in SCOPES:
            problems.invalid(path, list(scopes), "unsupported scope")
            continue
        countable = {"pods"} if scope == "BestEffort" else COMPUTE | {"pods"}
        if any(name in STANDARD and name not in countable for name in spec.hard):
            problems.invalid(path, list(scopes), "unsupported scope applied to resource")
    if any(set(pair) <= set(scopes) for pair in _OPPOSITES):
        problems.invalid(path, list(scopes), "conflicting scopes")


def _check_rule(rule: ScopedResourceSelectorRequirement, path: str, problems: Problems) -> None:
    if rule.scope_name not in SCOPES:
        problems.invalid(f"{path}.scopeName", rule.scope_name, "unsupported scope")
    if rule.scope_name in _EXISTS_ONLY and rule.operator != "Exists":
        problems.invalid(
            f"{path}.operator",
            rule.operator,
            "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
            "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
            "ResourceQuotaScopeCrossNamespacePodAffinity",
        )
    if rule.operator in ("In", "NotIn"):
        if not rule.values:
            problems.required(
                f"{path}.values", "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            )
    elif rule.values:
        problems.invalid(
            f"{path}.values",
            list(rule.values),
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        )
