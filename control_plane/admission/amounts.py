"""Amounts of resources as whole numbers, and back as people write them. PURE.

Cpu is counted in thousandths of a core; everything else in ones, bytes or pods. Names may have a prefix, as quotas
have them: `limits.cpu` is cpu.
"""

from __future__ import annotations

from collections.abc import Mapping

from proto.quantity import HUGE_PAGES, format_bytes, format_cpu, in_units

Amounts = Mapping[str, int]
"""Resource name to a whole number of its unit."""

_BYTES = ("memory", "storage")


def amount(resource: str, quantity: str) -> int:
    """A quantity as a whole number of the resource's unit."""
    return in_units(_base(resource), quantity)


def amounts(quantities: Mapping[str, str]) -> dict[str, int]:
    """All of them."""
    return {resource: amount(resource, quantity) for resource, quantity in quantities.items()}


def written(resource: str, count: int) -> str:
    """The number as a quantity: `1500m`, `2Gi`, `3`."""
    base = _base(resource)
    if base == "cpu":
        return format_cpu(count)
    if base.endswith(_BYTES) or base.startswith(HUGE_PAGES):
        return format_bytes(count)
    return str(count)


def all_written(counts: Amounts) -> dict[str, str]:
    """All of them, in the order of their names."""
    return {resource: written(resource, counts[resource]) for resource in sorted(counts)}


def told(counts: Amounts) -> str:
    """`cpu=1,memory=2Gi`, as messages say it."""
    return ",".join(f"{resource}={text}" for resource, text in all_written(counts).items())


def _base(resource: str) -> str:
    """The name without the prefix that quotas put before it."""
    for prefix in ("requests.", "limits."):
        if resource.startswith(prefix):
            return resource[len(prefix) :]
    return resource
