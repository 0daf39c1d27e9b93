"""What a Node must be: its taints. Source: Kubernetes `pkg/apis/core/validation/validation.go` (ValidateNode)."""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.core import Node


def check(node: Node, problems: Problems) -> None:
    """A Node, declared or registered."""
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(node.spec.taints):
        path = f"spec.taints[{index}]"
        problems.name(f"{path}.key", taint.key, names.label_key_problem(taint.key))
        problems.name(f"{path}.value", taint.value, names.label_value_problem(taint.value))
        if (taint.key, taint.effect) in seen:
            problems.duplicate(f"{path}", f"{taint.key}:{taint.effect}")
        seen.add((taint.key, taint.effect))
