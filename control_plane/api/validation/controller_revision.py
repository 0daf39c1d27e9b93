"""What a ControllerRevision must be. Source: Kubernetes `pkg/apis/apps/validation` (ValidateControllerRevision)."""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto.objects.controller_revision import ControllerRevision


def check(revision: ControllerRevision, problems: Problems) -> None:
    """It has something in it, and a number."""
    if not revision.data:
        problems.required("data", "data is mandatory")
    problems.at_least("revision", revision.revision, 0)


def check_update(old: ControllerRevision, new: ControllerRevision, problems: Problems) -> None:
    """What was, was."""
    if old.data != new.data:
        problems.invalid("data", new.data, "field is immutable")
