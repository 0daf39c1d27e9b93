"""ControllerRevision (`apps/v1`): one former or present template of a StatefulSet or DaemonSet, by number.

Source: Kubernetes API reference, apps/v1 ControllerRevision.
"""

from __future__ import annotations

from typing import Any, ClassVar

from proto.no_entries import NO_ENTRIES
from proto.objects.meta import Number, Object


class ControllerRevision(Object):
    """One template that a StatefulSet or DaemonSet has, or had; made by its controller, to go back to."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "ControllerRevision"

    data: dict[str, Any] = NO_ENTRIES
    """The part of the owner's spec that makes a revision: `spec.template`. Never changed."""
    revision: Number = 0
    """The number; the highest is the newest."""
