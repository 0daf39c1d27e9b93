"""When an object was made. Reads an object; writes nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from proto.objects.meta import Object

LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""Before everything: stands for a time that nobody noted."""


def made_at(obj: Object) -> datetime:
    """When it was made; an object that does not say is older than all that do."""
    return obj.metadata.creation_timestamp or LONG_AGO
