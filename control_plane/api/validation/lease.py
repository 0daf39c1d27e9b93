"""What a Lease must be. Source: Kubernetes `pkg/apis/coordination/validation/validation.go`."""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto.objects.coordination import Lease


def check(lease: Lease, problems: Problems) -> None:
    """A duration is positive, transitions are counted from 0."""
    spec = lease.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        problems.invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0")
    if spec.lease_transitions is not None:
        problems.at_least("spec.leaseTransitions", spec.lease_transitions, 0)
