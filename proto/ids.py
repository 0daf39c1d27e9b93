"""The only source of ids and chance, and the rule for derived names.

Reads: the system's randomness, or a seed. Writes: nothing.

A *derived* name is computed from what the child is for, so that creating it twice is a no-op. A *generated* name
(`metadata.generateName`) is drawn by chance in the API and is for people.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import Protocol

_SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own (`k8s.io/apimachinery/pkg/util/rand`): no vowels and no look-alikes, so no words appear."""


class Ids(Protocol):
    """Draws ids and random numbers."""

    def uid(self) -> str:
        """A new UUID (version 4) in text form."""
        ...

    def suffix(self, length: int = 5) -> str:
        """`length` random characters that are safe in a DNS name."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A random float in [low, high): jitter for back-off and heartbeats."""
        ...


class RandomIds:
    """Ids from the system's randomness, or from `seed` where a run must repeat itself."""

    def __init__(self, seed: int | None = None):
        self._random = random.Random(seed) if seed is not None else random.SystemRandom()

    def uid(self) -> str:
        """A new UUID (version 4)."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """`length` random characters of the safe alphabet."""
        return "".join(self._random.choice(_SAFE_ALPHABET) for _ in range(length))

    def uniform(self, low: float, high: float) -> float:
        """A random float in [low, high)."""
        return self._random.uniform(low, high)


def derived_suffix(*parts: object, length: int = 10) -> str:
    """A stable DNS-safe suffix computed from `parts`: equal parts, equal suffix, on every machine."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()
    number = int.from_bytes(digest, "big")
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(_SAFE_ALPHABET))
        characters.append(_SAFE_ALPHABET[index])
    return "".join(characters)


def hash64(*parts: object) -> int:
    """A stable 64-bit hash of `parts`: the summand of an order-independent digest (see `proto.node`)."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
