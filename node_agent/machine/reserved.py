"""What of the machine is kept back from pods: `--system-reserved` and `--kube-reserved`, as the kubelet's.

Pure: from the text of an option to amounts.
"""

from __future__ import annotations

from typing import NamedTuple

from proto.quantity import cpu_millis, whole

_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pid")


class Reserved(NamedTuple):
    """Amounts that pods cannot have."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    storage_bytes: int = 0
    pids: int = 0

    def plus(self, other: Reserved) -> Reserved:
        """Both together."""
        return Reserved(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING_RESERVED = Reserved()


def read_reserved(text: str) -> Reserved:
    """`cpu=500m,memory=1Gi,ephemeral-storage=2Gi,pid=1000`, each of them or none.

    Raises:
        ValueError: it is not of that form; the message says what is wrong.
    """
    amounts: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, separator, amount = (part.strip() for part in pair.partition("="))
        if not separator:
            raise ValueError(f'"{pair}" is not of the form resource=quantity')
        if name not in _RESOURCES:
            raise ValueError(f'"{name}" cannot be reserved; supported: {", ".join(_RESOURCES)}')
        if name in amounts:
            raise ValueError(f'"{name}" is given twice')
        amounts[name] = amount
    cpu, *others = (amounts.get(name, "0") for name in _RESOURCES)
    reserved = Reserved(cpu_millis(cpu), *map(whole, others))
    if min(reserved) < 0:
        raise ValueError("a reserved amount must not be negative")
    return reserved
