"""What counts as a shortage: `--eviction-hard` and its companions, in the kubelet's form. PURE.

--eviction-hard 'memory.available<100Mi,nodefs.available<5%'
--eviction-soft 'memory.available<10%' --eviction-soft-grace-period 'memory.available=1m30s'
--eviction-minimum-reclaim 'memory.available=64Mi'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from node_agent.plan.eviction import NOTHING, Amount, Signal, Threshold
from proto.quantity import whole

Value = TypeVar("Value")

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_PERIOD = re.compile(f"(?:{_PART.pattern})+")

DEFAULT_HARD = "memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%"
"""Kubernetes' own, but for the disk: a machine that is not a node alone is often fuller than nine tenths."""


def read_thresholds(hard: str, soft: str = "", graces: str = "", reclaim: str = "") -> tuple[Threshold, ...]:
    """All thresholds, each with its grace and with how far a shortage is dealt with.

    Raises:
        ValueError: one of the texts cannot be read, or a soft threshold has no grace; the message names the option.
    """
    graces_s = _read("--eviction-soft-grace-period", graces, "=", _grace_s)
    amounts = _read("--eviction-minimum-reclaim", reclaim, "=", _amount)
    thresholds = [Threshold(signal, amount) for signal, amount in _read("--eviction-hard", hard, "<", _amount).items()]
    for signal, amount in _read("--eviction-soft", soft, "<", _amount).items():
        if signal not in graces_s:
            raise ValueError(
                f"--eviction-soft: grace period must be specified for the soft eviction threshold {signal}: "
                f"--eviction-soft-grace-period {signal}=1m30s"
            )
        thresholds.append(Threshold(signal, amount, graces_s[signal]))
    used = (each for each in thresholds if each.amount != NOTHING)  # Zero switches a threshold off.
    return tuple(replace(each, reclaim=amounts.get(each.signal, NOTHING)) for each in used)


def _read(option: str, text: str, operator: str, read: Callable[[str], Value]) -> dict[Signal, Value]:
    try:
        return {signal: read(value) for signal, value in _pairs(text, operator).items()}
    except ValueError as problem:
        raise ValueError(f"{option}: {problem}") from None


def _grace_s(text: str) -> float:
    seconds = read_period(text)
    if not seconds:
        raise ValueError(f'a grace period must be more than 0s, but it is "{text}"')
    return seconds


def _pairs(text: str, operator: str) -> dict[Signal, str]:
    found: dict[Signal, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = (piece.strip() for piece in part.partition(operator))
        if not separator or not value:
            raise ValueError(f'"{part}" is not of the form signal{operator}value')
        if name not in list(Signal):
            raise ValueError(f'unsupported eviction signal "{name}"; supported: {", ".join(Signal)}')
        if Signal(name) in found:
            raise ValueError(f'the eviction signal "{name}" is given twice')
        found[Signal(name)] = value
    return found


def _amount(text: str) -> Amount:
    if not text.endswith("%"):
        number = whole(text)
        if number < 0:
            raise ValueError(f'an eviction threshold must not be negative, but "{text}" is')
        return Amount(number=number)
    try:
        percent = float(text[:-1])
    except ValueError:
        raise ValueError(f'"{text}" is not a percentage') from None
    if not 0 <= percent < 100:
        raise ValueError(f'an eviction threshold must be at least 0% and below 100%, but it is "{text}"')
    return Amount(percent=percent)


def read_period(text: str) -> float:
    """Seconds of a duration such as `90s`, `1m30s` or `2h`.

    Raises:
        ValueError: it is none.
    """
    if not text or _PERIOD.fullmatch(text) is None:
        raise ValueError(f'"{text}" is not a duration: write it as 90s, 1m30s or 2h')
    return sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
