"""What a LimitRange must be: each limit good in itself, and none against another.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateLimitRange).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from control_plane.api.validation.container import resource_name_problem
from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.quota import LimitRange, LimitRangeItem
from proto.quantity import parse_quantity

TYPES = ("Container", "Pod", "PersistentVolumeClaim")


class _Order(NamedTuple):
    """One amount that may not be greater than another; the message is about the field `at`."""

    low: str
    high: str
    at: str
    words: str


_ORDER = (
    _Order("min", "max", "min", "min value {low} is greater than max value {high}"),
    _Order("min", "defaultRequest", "defaultRequest", "min value {low} is greater than default request value {high}"),
    _Order("defaultRequest", "max", "defaultRequest", "default request value {low} is greater than max value {high}"),
    _Order("defaultRequest", "default", "defaultRequest",
           "default request value {low} is greater than default limit value {high}"),
    _Order("min", "default", "default", "min value {low} is greater than default value {high}"),
    _Order("default", "max", "default", "default value {low} is greater than max value {high}"),
)  # fmt: skip


def check(limits: LimitRange, problems: Problems) -> None:
    """A LimitRange."""
    seen: set[str] = set()
    for index, item in enumerate(limits.spec.limits):
        path = f"spec.limits[{index}]"
        _check_type(item.type, f"{path}.type", problems)
        if item.type in seen:
            problems.duplicate(f"{path}.type", item.type)
        seen.add(item.type)
        _check_item(item, path, problems)


def _check_type(kind: str, path: str, problems: Problems) -> None:
    if "/" not in kind and kind not in TYPES:
        problems.invalid(path, kind, "must be a standard limit type or fully qualified")
    else:
        problems.name(path, kind, names.label_key_problem(kind))


def _check_item(item: LimitRangeItem, path: str, problems: Problems) -> None:
    groups = _groups(item)
    for field, amounts in groups.items():
        for name, quantity in amounts.items():
            if problem := resource_name_problem(name):
                problems.invalid(f"{path}.{field}[{name}]", name, problem)
            if field != "maxLimitRequestRatio" and parse_quantity(quantity) < 0:
                problems.invalid(f"{path}.{field}[{name}]", quantity, "must be greater than or equal to 0")
    if item.type == "Pod":
        for field in ("default", "defaultRequest"):
            if groups[field]:
                problems.forbidden(f"{path}.{field}", "may not be specified when `type` is 'Pod'")
                groups[field] = {}
    for name in sorted({name for amounts in groups.values() for name in amounts}):
        _check_order(name, groups, path, problems)
        _check_ratio(name, item, f"{path}.maxLimitRequestRatio[{name}]", problems)


def _groups(item: LimitRangeItem) -> dict[str, Mapping[str, str]]:
    return {
        "max": item.max,
        "min": item.min,
        "default": item.default,
        "defaultRequest": item.default_request,
        "maxLimitRequestRatio": item.max_limit_request_ratio,
    }


def _check_order(name: str, groups: Mapping[str, Mapping[str, str]], path: str, problems: Problems) -> None:
    """No least above a most, with what lies between them."""
    for rule in _ORDER:
        low, high = groups[rule.low].get(name), groups[rule.high].get(name)
        if low is not None and high is not None and parse_quantity(low) > parse_quantity(high):
            found = groups[rule.at][name]
            problems.invalid(f"{path}.{rule.at}[{name}]", found, rule.words.format(low=low, high=high))


def _check_ratio(name: str, item: LimitRangeItem, path: str, problems: Problems) -> None:
    """A limit is never below its request, and cannot be further above it than the most is above the least."""
    text = item.max_limit_request_ratio.get(name)
    if text is None:
        return
    ratio = parse_quantity(text)
    if ratio < 1:
        problems.invalid(path, text, f"ratio {text} is less than 1")
    low, high = parse_quantity(item.min.get(name, "0")), parse_quantity(item.max.get(name, "0"))
    if low > 0 and high > 0 and ratio > high / low:
        problems.invalid(path, text, f"ratio {text} is greater than max/min = {float(high / low):f}")
