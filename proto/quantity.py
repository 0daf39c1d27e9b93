"""Kubernetes quantities: `500m`, `1.5`, `64Mi`, `2e3`.

Reads and writes nothing else. Amounts of cpu are counted in thousandths of a core, memory and storage in bytes; a
fraction is rounded up, as in Kubernetes. Source: Kubernetes `resource.Quantity`.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12, "P": Decimal(10) ** 15, "E": Decimal(10) ** 18,
}  # fmt: skip
_FORM = re.compile(
    r"([+-]?(?:\d{1,19}\.?\d{0,19}|\.\d{1,19}))(?:([eE][+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII
)

_SHOWN_LENGTH_MAX = 40

HUGE_PAGES = "hugepages-"
"""What the name of a resource begins with that counts huge pages, before their size: `hugepages-2Mi`."""

AMOUNT_MAX = 2**53
"""More than any machine has (8 PiB, or as many thousandths of a core): larger amounts count as this much, so that
sums of them stay exact in 64 bits."""


@lru_cache(maxsize=4096)
def parse_quantity(text: str) -> Decimal:
    """The exact amount that `text` stands for.

    Raises:
        ValueError: it is not a quantity; the message shows what one looks like.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{_shown(text)} is not a quantity: write a number with an optional suffix, such as 500m, 2, 64Mi or 1G"
        )
    number, exponent, suffix = match.groups()
    if exponent:
        return Decimal(number + exponent)
    if suffix in _BINARY:
        return Decimal(number) * _BINARY[suffix]
    return Decimal(number) * _DECIMAL[suffix or ""]


@lru_cache(maxsize=4096)
def cpu_millis(text: str) -> int:
    """Thousandths of a core, rounded up: `cpu_millis("1.5") == 1500`."""
    return _rounded(parse_quantity(text) * 1000)


@lru_cache(maxsize=4096)
def whole(text: str) -> int:
    """Bytes, pods, anything counted in ones, rounded up: `whole("1Ki") == 1024`."""
    return _rounded(parse_quantity(text))


def in_units(resource: str, text: str) -> int:
    """A quantity in the resource's unit: thousandths of a core for cpu, ones for all others."""
    return cpu_millis(text) if resource == "cpu" else whole(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_LENGTH_MAX else text[:_SHOWN_LENGTH_MAX] + "…")


def _rounded(amount: Decimal) -> int:
    return max(-AMOUNT_MAX, min(AMOUNT_MAX, int(amount.to_integral_value(ROUND_CEILING))))


def format_cpu(millis: int) -> str:
    """`1500` -> `1500m`, `2000` -> `2`."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def format_bytes(count: int) -> str:
    """The largest binary suffix that divides `count` exactly; plain bytes otherwise."""
    for suffix, size in reversed(_BINARY.items()):
        if count and count % size == 0:
            return f"{count // size}{suffix}"
    return str(count)
