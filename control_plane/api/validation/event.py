"""What an Event must be. Source: Kubernetes `pkg/apis/core/validation/events.go`."""

from __future__ import annotations

from control_plane.api.validation.problems import Problems
from proto.objects.core import Event


def check(event: Event, problems: Problems) -> None:
    """About something in its own namespace (or, in `default`, about something in none), and of a known type."""
    about = event.involved_object.namespace
    if about != event.metadata.namespace and (about or event.involved_object.kind not in ("", "Node", "Namespace")):
        problems.invalid("involvedObject.namespace", about, "does not match event.namespace")
    if event.type not in ("Normal", "Warning"):
        problems.unsupported("type", event.type, ("Normal", "Warning"))
