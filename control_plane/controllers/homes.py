"""Whether a namespace takes new objects. Reads the namespace; writes nothing.

Source: Kubernetes, NamespaceLifecycle admission; asked beforehand, so that nobody tries what would be refused.
"""

from __future__ import annotations

from control_plane.plan import Snapshot
from proto.objects.core import Namespace


def takes_new_objects(snapshot: Snapshot, namespace: str) -> bool:
    """Not while it is being deleted. One that is not known (yet) is the writer's to refuse."""
    home = snapshot.get(Namespace, "", namespace)
    return home is None or not home.deleting
