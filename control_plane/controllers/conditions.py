"""Conditions of an object's status: put one in, take one out, leave alone what did not change.

Reads and writes condition lists only. A condition whose status, reason and message are as they were is the same
condition: its times stay, so a pass that found nothing new writes nothing.

Source: Kubernetes API conventions, "Typical status properties".
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from proto.objects.meta import Condition, find_condition, with_condition

Conditions = tuple[Condition, ...]


def condition(
    kind: str, status: Literal["True", "False", "Unknown"], reason: str, message: str, now: datetime
) -> Condition:
    """A condition that is so since `now`."""
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=now)


def settled(conditions: Conditions, new: Condition) -> Conditions:
    """`conditions` with `new` in them; the very same if `new` says what is said already."""
    old = find_condition(conditions, new.type)
    if old is not None and (old.status, old.reason, old.message) == (new.status, new.reason, new.message):
        return conditions
    return with_condition(conditions, new)


def without(conditions: Conditions, kind: str) -> Conditions:
    """`conditions` without the one of that type."""
    return tuple(old for old in conditions if old.type != kind)
