"""What a ReplicaSet must be. Source: Kubernetes `pkg/apis/apps/validation/validation.go` (ValidateReplicaSet)."""

from __future__ import annotations

from control_plane.api.validation.pod import CHOOSES, check_template
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.selector import check_selects_template
from proto.objects.apps import ReplicaSet


def check(replica_set: ReplicaSet, problems: Problems) -> None:
    """A ReplicaSet."""
    spec = replica_set.spec
    check_selects_template(spec.selector, spec.template, "spec.selector", "a replica set", problems)
    check_template(spec.template, "spec.template", problems, on_reconnect=CHOOSES)


def check_update(old: ReplicaSet, new: ReplicaSet, problems: Problems) -> None:
    """The selector is for life."""
    if old.spec.selector != new.spec.selector:
        problems.invalid("spec.selector", new.spec.selector, "field is immutable")
