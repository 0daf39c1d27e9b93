"""Which events are told as one: an object whose events of a reason differ each time must not fill the store.

The first messages of an object for a reason are events of their own. When still others come, they share one event,
which shows the newest and counts them all. Ten minutes without any begin anew.

Writes: nothing but its own memory, which is bounded. Never: holds an event back.
Source: Kubernetes client-go `tools/record/events_cache.go` (EventAggregator).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from control_plane.plan import Emit

COMBINED = "(combined from similar events): "
DIFFERENT_MAX = 10
QUIET_S = 600.0
GROUPS_MAX = 2_000


@dataclass(slots=True)
class _Group:
    """The messages (their hashes) that are events of their own, and when the last event came (monotonic seconds)."""

    last_s: float
    own: set[int] = field(default_factory=set)


class SimilarEvents:
    """Remembers what was told of which object for which reason."""

    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[str, ...], _Group] = OrderedDict()

    def is_one_too_many(self, emit: Emit, now_s: float) -> bool:
        """Whether this event is to share one with those like it."""
        meta = emit.object.metadata
        key = (emit.object.kind, meta.namespace, meta.name, meta.uid, emit.type, emit.reason, emit.node)
        group = self._groups.get(key)
        if group is None or now_s - group.last_s > QUIET_S:
            group = self._groups[key] = _Group(now_s)
        self._groups.move_to_end(key)
        if len(self._groups) > GROUPS_MAX:
            self._groups.popitem(last=False)
        group.last_s = now_s
        message = hash(emit.message)
        if message in group.own:
            return False
        if len(group.own) >= DIFFERENT_MAX:
            return True
        group.own.add(message)
        return False


def combined(emit: Emit) -> Emit:
    """An event as it is told together with others."""
    return replace(emit, message=COMBINED + emit.message)
