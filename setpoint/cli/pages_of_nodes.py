"""What `describe node` shows of the pods there: what each asks for, and what that adds up to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proto.objects.container import Container, ResourceRequirements
from proto.objects.pod import PodSpec
from proto.phases import ENDED
from proto.pod_amounts import most_at_once
from proto.quantity import HUGE_PAGES, format_bytes, format_cpu, in_units
from setpoint.cli.ages import age
from setpoint.cli.output import columns
from setpoint.cli.page_parts import Item, indented

_USUAL = ("cpu", "memory", "ephemeral-storage")
_KINDS = ("requests", "limits")


def pods_on(node: Item, pods: Sequence[Item]) -> list[str]:
    """The pods that have not ended, and the sums, as kubectl shows them."""
    allocatable: Mapping[str, str] = node.get("status", {}).get("allocatable", {})
    living = [pod for pod in pods if pod.get("status", {}).get("phase") not in ENDED]
    amounts = [_amounts(pod.get("spec", {})) for pod in living]
    lines = [f"Non-terminated Pods:  ({len(living)} in total)"]
    if living:
        rows = [["Namespace", "Name", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age"]]
        for pod, of_pod in zip(living, amounts, strict=True):
            metadata = pod["metadata"]
            cells = [_share(name, of_pod[kind], allocatable) for name in ("cpu", "memory") for kind in _KINDS]
            rows.append([metadata["namespace"], metadata["name"], *cells, age(metadata.get("creationTimestamp", ""))])
        lines += indented(columns(rows))
    others = sorted(name for name in allocatable if name not in (*_USUAL, "pods"))
    table = [["Resource", "Requests", "Limits"]]
    for name in (*_USUAL, *others):
        sums = [{name: sum(of_pod[kind].get(name, 0) for of_pod in amounts)} for kind in _KINDS]
        table.append([name, *(_share(name, sum_of, allocatable) for sum_of in sums)])
    note = "(Total limits may be over 100 percent, i.e., overcommitted.)"
    return [*lines, "Allocated resources:", *indented([note, *columns(table)])]


def _amounts(spec: Item) -> dict[str, dict[str, int]]:
    """What a pod asks for and is limited to, at most at any one time; cpu in thousandths."""
    read = PodSpec(
        containers=tuple(map(_container, spec.get("containers", ()))),
        init_containers=tuple(map(_container, spec.get("initContainers", ()))),
    )
    return {
        "requests": most_at_once(read, lambda container: _numbers(container.resources.requests)),
        "limits": most_at_once(read, lambda container: _numbers(container.resources.limits)),
    }


def _container(raw: Item) -> Container:
    """As much of a container as counts here."""
    resources = raw.get("resources", {})
    sized = ResourceRequirements(requests=resources.get("requests", {}), limits=resources.get("limits", {}))
    always = raw.get("restartPolicy") == "Always"
    return Container(name=raw["name"], restart_policy="Always" if always else None, resources=sized)


def _numbers(amounts: Mapping[str, str]) -> dict[str, int]:
    return {name: in_units(name, amount) for name, amount in amounts.items()}


def _share(name: str, amounts: Mapping[str, int], allocatable: Mapping[str, str]) -> str:
    """An amount with its percentage of what the node has: `100m (5%)`."""
    count, most = amounts.get(name, 0), in_units(name, allocatable.get(name, "0"))
    in_bytes = name in _USUAL or name.startswith(HUGE_PAGES)
    shown = format_cpu(count) if name == "cpu" else format_bytes(count) if in_bytes else str(count)
    return f"{shown} ({count * 100 // most}%)" if most else shown
