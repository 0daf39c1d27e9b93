"""Bytes as texts of manifests: base64, as the values of Secrets and the `binaryData` of ConfigMaps are written."""

from __future__ import annotations

import base64
import binascii


def encoded(data: bytes) -> str:
    """The bytes as a text."""
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes | None:
    """The bytes of a text; None if it is not base64. Line breaks do not count, as in Go and so in Kubernetes."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
