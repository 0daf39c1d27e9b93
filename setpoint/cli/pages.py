"""What `describe` shows of each kind: lines of `Name:  value`, sections indented below their title. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proto.catalog import Kind
from proto.leaving import LEAVING, STAY_CORDONED, UNCORDON_AT_RETURN
from setpoint.cli.ages import age
from setpoint.cli.containers import containers
from setpoint.cli.output import columns
from setpoint.cli.page_parts import Item, field, indented, mapping
from setpoint.cli.pages_of_config import config_map, secret
from setpoint.cli.pages_of_policies import limit_range, priority_class, resource_quota
from setpoint.cli.pages_of_volumes import volumes

_AT_RETURN = {UNCORDON_AT_RETURN: "uncordoned at its return", STAY_CORDONED: "stays cordoned at its return"}


def page(kind: Kind, item: Item) -> list[str]:
    """The lines about one object, without its events."""
    lines = _identity(kind, item)
    body = _PAGES.get(kind.kind)
    return lines + (body(item) if body else _manifest(item))


def _identity(kind: Kind, item: Item) -> list[str]:
    metadata = item["metadata"]
    lines = [field("Name", metadata["name"])]
    if kind.namespaced:
        lines.append(field("Namespace", metadata.get("namespace", "")))
    lines += mapping("Labels", metadata.get("labels", {}))
    lines += mapping("Annotations", metadata.get("annotations", {}))
    created = metadata.get("creationTimestamp", "")
    lines.append(field("Created", f"{created} ({age(created)} ago)" if created else ""))
    if metadata.get("deletionTimestamp"):
        grace = metadata.get("deletionGracePeriodSeconds")
        lines.append(field("Status", f"Terminating (grace period {grace} s)" if grace is not None else "Terminating"))
    owner = next((owner for owner in metadata.get("ownerReferences", ()) if owner.get("controller")), None)
    if owner:
        lines.append(field("Controlled By", f"{owner['kind']}/{owner['name']}"))
    return lines


def _conditions(status: Item) -> list[str]:
    conditions = status.get("conditions", ())
    if not conditions:
        return []
    rows = [["Type", "Status", "Since", "Reason", "Message"]]
    for condition in conditions:
        since = age(condition.get("lastTransitionTime", ""))
        reason, message = condition.get("reason", ""), " ".join(condition.get("message", "").split())
        rows.append([condition["type"], condition["status"], since, reason, message])
    return ["Conditions:", *indented(columns(rows))]


def _selector(spec: Item) -> str:
    selector = spec.get("selector", {})
    parts = [f"{key}={value}" for key, value in sorted(selector.get("matchLabels", {}).items())]
    for rule in selector.get("matchExpressions", ()):
        values = f" ({','.join(rule['values'])})" if rule.get("values") else ""
        parts.append(f"{rule['key']} {rule['operator']}{values}")
    return ",".join(parts)


def _tolerations(spec: Item) -> list[str]:
    texts = []
    for toleration in spec.get("tolerations", ()):
        seconds = toleration.get("tolerationSeconds")
        value = f"={toleration['value']}" if toleration.get("value") else ""
        suffix = f" for {seconds}s" if seconds is not None else ""
        texts.append(f"{toleration.get('key', '')}{value}:{toleration.get('effect', '')}{suffix}")
    return [field("Tolerations", ", ".join(texts))]


def _pod(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    lines = [
        field("Node", spec.get("nodeName", "")),
        field("Start Time", status.get("startTime", "")),
        field("Phase", status.get("phase", "")),
    ]
    if spec.get("priority") is not None:
        lines.append(field("Priority", spec["priority"]))
    if spec.get("priorityClassName"):
        lines.append(field("Priority Class", spec["priorityClassName"]))
    if status.get("nominatedNodeName"):
        lines.append(field("Nominated Node", status["nominatedNodeName"]))
    lines += [field(key.capitalize(), status[key]) for key in ("reason", "message") if status.get(key)]
    lines += [field("IP", status.get("podIP", "")), field("Restart Policy", spec.get("restartPolicy", ""))]
    lines += containers("Init Containers", spec.get("initContainers", ()), status.get("initContainerStatuses", ()))
    lines += containers("Containers", spec.get("containers", ()), status.get("containerStatuses", ()))
    lines += volumes(spec) + _gates(spec, status)
    lines += _conditions(status)
    lines.append(field("QoS Class", status.get("qosClass", "")))
    lines += mapping("Node-Selectors", spec.get("nodeSelector", {}))
    return lines + _tolerations(spec)


def _gates(spec: Item, status: Item) -> list[str]:
    gates = [gate["conditionType"] for gate in spec.get("readinessGates", ())]
    told = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    rows = [["Type", "Status"], *([gate, told.get(gate, "<none>")] for gate in gates)]
    return ["Readiness Gates:", *indented(columns(rows))] if gates else []


def _amounts(title: str, amounts: Mapping[str, Any]) -> list[str]:
    return [f"{title}:", *indented([field(name, amount) for name, amount in sorted(amounts.items())])]


def _node(item: Item) -> list[str]:
    spec, status = item.get("spec", {}), item.get("status", {})
    taints = [f"{t['key']}{'=' + t['value'] if t.get('value') else ''}:{t['effect']}" for t in spec.get("taints", ())]
    lines = [field("Taints", ", ".join(taints)), field("Unschedulable", spec.get("unschedulable", False))]
    if mark := item["metadata"].get("labels", {}).get(LEAVING):
        lines.append(field("Leaving", f"its agent hands its pods over, or has; {_AT_RETURN.get(mark, mark)}"))
    lines += _conditions(status)
    lines += ["Addresses:", *indented([field(a["type"], a["address"]) for a in status.get("addresses", ())])]
    lines += _amounts("Capacity", status.get("capacity", {})) + _amounts("Allocatable", status.get("allocatable", {}))
    lines += _amounts("Usage", status.get("usage") or {})
    return lines + _amounts("System Info", status.get("nodeInfo") or {})


def template_lines(spec: Item) -> list[str]:
    """A spec's pod template, for `describe` and for the history of rollouts."""
    template = spec.get("template", {})
    inner = template.get("spec", {})
    lines = mapping("Labels", template.get("metadata", {}).get("labels", {}))
    lines += containers("Init Containers", inner.get("initContainers", ()), ())
    lines += containers("Containers", inner.get("containers", ()), ()) + volumes(inner)
    return ["Pod Template:", *indented(lines)]


def _deployment(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    counts = (
        f"{spec.get('replicas', 1)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable"
    )
    strategy = spec.get("strategy", {})
    lines = [
        field("Selector", _selector(spec)),
        field("Replicas", counts),
        field("StrategyType", strategy.get("type", "")),
        field("MinReadySeconds", spec.get("minReadySeconds", 0)),
    ]
    if spec.get("autoRollback"):
        lines.append(field("AutoRollback", "true"))
    rolling = strategy.get("rollingUpdate")
    if rolling:
        text = f"{rolling.get('maxUnavailable', '25%')} max unavailable, {rolling.get('maxSurge', '25%')} max surge"
        lines.append(field("RollingUpdate", text))
    canary = status.get("canary")
    if canary:
        steps = len(strategy.get("canary", {}).get("steps", ()))
        text = f"revision {canary['revision']}, {canary.get('currentStepIndex', 0)} of {steps} steps done"
        if canary.get("stableRevision"):
            text += f", stable is revision {canary['stableRevision']}"
        lines.append(field("Canary", f"{text}, aborted" if canary.get("aborted") else text))
    return lines + template_lines(spec) + _conditions(status)


def _replica_set(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    counts = f"{status.get('replicas', 0)} current / {spec.get('replicas', 1)} desired"
    ready = f"{status.get('readyReplicas', 0)} ready, {status.get('availableReplicas', 0)} available"
    lines = [field("Selector", _selector(spec)), field("Replicas", counts), field("Pods", ready)]
    return lines + template_lines(spec) + _conditions(status)


def _stateful_set(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    strategy = spec.get("updateStrategy", {})
    lines = [
        field("Selector", _selector(spec)),
        field("Replicas", f"{spec.get('replicas', 1)} desired | {status.get('replicas', 0)} total"),
        field("Pods", f"{status.get('readyReplicas', 0)} ready, {status.get('availableReplicas', 0)} available"),
        field("PodManagement", spec.get("podManagementPolicy", "OrderedReady")),
        field("UpdateStrategy", strategy.get("type", "RollingUpdate")),
    ]
    if strategy.get("rollingUpdate", {}).get("partition"):
        lines.append(field("Partition", strategy["rollingUpdate"]["partition"]))
    current, update = status.get("currentRevision", ""), status.get("updateRevision", "")
    lines.append(field("Current Revision", f"{current} ({status.get('currentReplicas', 0)} pods)"))
    if update != current:
        lines.append(field("Update Revision", f"{update} ({status.get('updatedReplicas', 0)} pods)"))
    return lines + template_lines(spec) + _conditions(status)


def _daemon_set(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    counts = {
        "Desired Nodes": "desiredNumberScheduled",
        "With a Pod": "currentNumberScheduled",
        "Up-to-date": "updatedNumberScheduled",
        "Available": "numberAvailable",
        "Misscheduled": "numberMisscheduled",
    }
    lines = [field("Selector", _selector(spec)), *mapping("Node-Selector", _node_selector(spec))]
    lines += [field(title, status.get(name, 0)) for title, name in counts.items()]
    lines.append(field("UpdateStrategy", spec.get("updateStrategy", {}).get("type", "RollingUpdate")))
    return lines + template_lines(spec) + _conditions(status)


def _node_selector(spec: Item) -> Mapping[str, Any]:
    chosen: Mapping[str, Any] = spec.get("template", {}).get("spec", {}).get("nodeSelector", {})
    return chosen


def _budget(item: Item) -> list[str]:
    spec, status = item["spec"], item.get("status", {})
    limits = (("Min available", "minAvailable"), ("Max unavailable", "maxUnavailable"))
    lines = [field(title, spec[name]) for title, name in limits if name in spec]
    lines.append(field("Selector", _selector(spec)))
    counts = (("Allowed disruptions", "disruptionsAllowed"), ("Current", "currentHealthy"),
              ("Desired", "desiredHealthy"), ("Total", "expectedPods"))  # fmt: skip
    lines += ["Status:", *indented([f"{title + ':':<22}{status.get(name, 0)}" for title, name in counts])]
    lines += mapping("Disrupted", status.get("disruptedPods", {}))
    return lines + _conditions(status)


def _namespace(item: Item) -> list[str]:
    status = item.get("status", {})
    return [field("Phase", status.get("phase", "")), *_conditions(status)]


def _manifest(item: Item) -> list[str]:
    from proto.manifests import dump_yaml

    return dump_yaml({key: value for key, value in item.items() if key != "metadata"}).splitlines()


_PAGES: dict[str, Callable[[Item], list[str]]] = {
    "Pod": _pod,
    "Node": _node,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "PodDisruptionBudget": _budget,
    "ConfigMap": config_map,
    "Secret": secret,
    "Namespace": _namespace,
    "ResourceQuota": resource_quota,
    "LimitRange": limit_range,
    "PriorityClass": priority_class,
}
