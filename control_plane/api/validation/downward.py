"""What a pod may be told of itself, as variables and as files.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateObjectFieldSelector and what stands beside it).
"""

from __future__ import annotations

import re

from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.env import ResourceFieldSelector
from proto.quantity import parse_quantity

_FIELD_PATHS = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "status.hostIP",
                "status.hostIPs", "status.podIP", "status.podIPs")  # fmt: skip
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")
_RESOURCE_FIELDS = ("limits.cpu", "limits.memory", "limits.ephemeral-storage", "limits.pids", "requests.cpu",
                    "requests.memory", "requests.ephemeral-storage", "requests.pids")  # fmt: skip
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")

_BYTES = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_UNITS = {"cpu": ("1m", "1"), "pids": ("1",)}
"""What a divisor may be (Kubernetes: validateContainerResourceDivisor); of all others, one of `_BYTES`."""

_WHOLE = ("metadata.labels", "metadata.annotations")


def check_field_path(field_path: str, path: str, problems: Problems, *, whole: bool = False) -> None:
    """A field of the pod; `whole`: all labels or annotations can be told, too."""
    if not field_path:
        problems.required(path)
    elif match := _SUBSCRIPT.fullmatch(field_path):
        problems.name(path, match[2], names.label_key_problem(match[2]))
    elif whole and field_path in _WHOLE:
        return
    elif field_path not in _FIELD_PATHS:
        problems.unsupported(
            path, field_path, (*_FIELD_PATHS, "metadata.labels['<KEY>']", "metadata.annotations['<KEY>']")
        )


def check_resource_field(selector: ResourceFieldSelector, path: str, problems: Problems) -> None:
    """A request or a limit of a container, and the unit that it is told in."""
    if selector.resource not in _RESOURCE_FIELDS and not selector.resource.startswith(_HUGE_PAGES):
        problems.unsupported(f"{path}.resource", selector.resource, _RESOURCE_FIELDS)
        return
    name = selector.resource.partition(".")[2]
    units = _UNITS.get(name, _BYTES)
    try:
        divisor = parse_quantity(selector.divisor)
    except ValueError as problem:
        problems.invalid(f"{path}.divisor", selector.divisor, str(problem))
        return
    if divisor and divisor not in map(parse_quantity, units):
        words = f"only divisor's values {', '.join(units)} are supported with the {name} resource"
        problems.invalid(f"{path}.divisor", selector.divisor, words)
