"""The refusal of an object by a rule of the cluster, in Kubernetes' words."""

from __future__ import annotations

from proto import catalog
from proto.errors import Forbidden
from proto.objects.meta import Object


def forbidden(obj: Object, why: str) -> Forbidden:
    """`pods "web-1" is forbidden: …` (Kubernetes: admission.NewForbidden)."""
    kind, name = catalog.of(obj), obj.metadata.name or obj.metadata.generate_name
    details = {"name": name, "group": kind.group, "kind": kind.resource}
    return Forbidden(
        f'{kind.qualified_resource} "{name}" is forbidden: {why}',
        details={key: value for key, value in details.items() if value},
    )
