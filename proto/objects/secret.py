"""Secret: what pods need and nobody else should see.

Source: Kubernetes API reference, core/v1 Secret.
"""

from __future__ import annotations

from typing import ClassVar

from proto.objects.meta import Object, StringMap


class Secret(Object):
    """Passwords, keys and certificates for pods. The values are encoded, not encrypted."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"

    type: str = "Opaque"
    """What it is for, such as Opaque or kubernetes.io/tls; some types need certain keys. Never changed."""
    data: StringMap = {}
    """Bytes by key, in base64."""
    string_data: StringMap = {}
    """Texts by key, to be written only: they become part of `data`, in the place of what is there."""
    immutable: bool | None = None
    """Whether it may never be changed again."""
