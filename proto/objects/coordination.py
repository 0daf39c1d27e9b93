"""The coordination group (`coordination.k8s.io/v1`): Lease.

Source: Kubernetes API reference, coordination.k8s.io/v1.
"""

from __future__ import annotations

from typing import ClassVar

from proto.objects.meta import Model, Number, Object, Text, Timestamp


class LeaseSpec(Model):
    """Who holds something, until when, and how often it changed hands."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"preferredHolder", "strategy"})

    holder_identity: Text = ""
    """Who holds it."""
    lease_duration_seconds: Number | None = None
    """For how long after `renewTime` it is held."""
    acquire_time: Timestamp | None = None
    """When this holder got it."""
    renew_time: Timestamp | None = None
    """When it was last renewed."""
    lease_transitions: Number | None = None
    """How often the holder changed."""


class Lease(Object):
    """Shows who holds what; a node's lease is in namespace `kube-node-lease` under the node's name."""

    API_VERSION: ClassVar[str] = "coordination.k8s.io/v1"
    KIND: ClassVar[str] = "Lease"

    spec: LeaseSpec = LeaseSpec()
