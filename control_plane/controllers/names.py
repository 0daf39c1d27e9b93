"""Names of children: derived from what the child is for, so that creating it twice is a no-op.

Reads and writes nothing. The suffix comes from `proto.ids.derived_suffix`; here is how it is joined and kept short.
"""

from __future__ import annotations

from proto.ids import derived_suffix

NAME_LENGTH_MAX = 253
SLOT_SUFFIX_LENGTH = 5


def child_name(parent: str, suffix: str) -> str:
    """`<parent>-<suffix>`, with the parent's name cut short where both together are longer than a name may be."""
    stem = parent[: NAME_LENGTH_MAX - len(suffix) - 1].rstrip("-.")
    return f"{stem}-{suffix}"


def slot_name(parent: str, parent_uid: str, slot: int) -> str:
    """The name of the child in the `slot`-th place of a parent: the same whoever computes it, and whenever."""
    return child_name(parent, derived_suffix(parent_uid, slot, length=SLOT_SUFFIX_LENGTH))
