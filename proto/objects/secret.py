"""Secret: what pods need and nobody else should see.

Source: Kubernetes API reference, core/v1 Secret.
"""

from __future__ import annotations

from typing import ClassVar

from proto.no_entries import NO_ENTRIES
from proto.objects.meta import Object, StringMap


class Secret(Object):
    """Passwords, keys and certificates for pods. The values are encoded, not encrypted."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"

    type: str = "Opaque"
    """What it is for, such as Opaque or kubernetes.io/tls; some types need certain keys. Never changed."""
    data: StringMap = NO_ENTRIES
    """Bytes by key, in base64."""
    string_data: StringMap = NO_ENTRIES
    """Texts by key, to be written only: they become part of `data`, in the place of what is there."""
    immutable: bool | None = None
    """Whether it may never be changed again."""
