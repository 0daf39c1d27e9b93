"""What a pod may be told of itself, as variables and as files.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateObjectFieldSelector and what stands beside it).
"""

from __future__ import annotations

import re

from control_plane.api.validation.problems import Problems
from proto import names

_FIELD_PATHS = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")  # fmt: skip
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")
_RESOURCE_FIELDS = ("limits.cpu", "limits.memory", "limits.ephemeral-storage", "limits.pids", "requests.cpu",
                    "requests.memory", "requests.ephemeral-storage", "requests.pids")  # fmt: skip
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")

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


def check_resource_field(resource: str, path: str, problems: Problems) -> None:
    """A request or a limit of a container."""
    if resource not in _RESOURCE_FIELDS and not resource.startswith(_HUGE_PAGES):
        problems.unsupported(path, resource, _RESOURCE_FIELDS)
