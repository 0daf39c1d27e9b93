"""What `describe` shows of ResourceQuotas, LimitRanges and PriorityClasses, as kubectl does. Pure."""

from __future__ import annotations

from setpoint.cli.output import columns
from setpoint.cli.page_parts import Item, field

_SCOPE_WORDS = {
    "Terminating": "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before "
    "being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. These pods usually include long running "
    "pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a best effort quality "
    "of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. These pods have a burstable or "
    "guaranteed quality of service.",
}
"""What kubectl says of each scope."""


def resource_quota(item: Item) -> list[str]:
    """Used and hard of each resource."""
    spec, status = item.get("spec", {}), item.get("status", {})
    lines = [field("Scopes", ", ".join(spec["scopes"]))] if spec.get("scopes") else []
    lines += [f" * {_SCOPE_WORDS[scope]}" for scope in spec.get("scopes", ()) if scope in _SCOPE_WORDS]
    hard, used = status.get("hard") or spec.get("hard", {}), status.get("used", {})
    rows = [["Resource", "Used", "Hard"], ["--------", "----", "----"]]
    return lines + columns(rows + [[name, used.get(name, "0"), hard[name]] for name in sorted(hard)])


def limit_range(item: Item) -> list[str]:
    """A line for each type and resource."""
    groups = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")
    titles = ("Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio")
    rows = [list(titles), ["-" * len(title) for title in titles]]
    for limit in item.get("spec", {}).get("limits", ()):
        for name in sorted({name for group in groups for name in limit.get(group, {})}):
            rows.append([limit["type"], name, *(limit.get(group, {}).get(name, "-") for group in groups)])
    return columns(rows)


def priority_class(item: Item) -> list[str]:
    """What the class means for its pods."""
    return [
        field("Value", item["value"]),
        field("GlobalDefault", str(item.get("globalDefault", False)).lower()),
        field("PreemptionPolicy", item.get("preemptionPolicy", "")),
        field("Description", item.get("description", "")),
    ]
