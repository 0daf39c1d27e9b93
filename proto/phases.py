"""The phases of a pod that has ended. Imports nothing, so that verbs of the command line start quickly."""

from __future__ import annotations

from typing import Final, Literal

ENDED: Final[tuple[Literal["Succeeded"], Literal["Failed"]]] = ("Succeeded", "Failed")
"""A pod that once was in one of these phases never leaves it."""
