"""What happened, kept for a while: the events that watches resume from.

One ring for each kind, so that a busy kind does not push out the history of a quiet one. A ring is bounded in length
and in age, because every event holds the states before and after it in memory. It knows the revision from which it is
complete; whoever asks for an older one has missed something and must list again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from proto.catalog import Kind
from proto.clock import Clock
from proto.errors import Expired
from proto.objects.meta import Object

KEPT_S = 300.0
"""How long an event is kept: whoever was away for longer lists again (Kubernetes: etcd compacts every 5 minutes)."""

NOTHING_YET = 2**63
"""The floor of a history that knows of no revision yet."""


@dataclass(frozen=True, slots=True)
class MirrorEvent:
    """One change of one object, as a watch tells it.

    `old` is what was there (None for an addition), `new` what is there now (None for a removal), and `object` what to
    show: `new`, or the last state with the revision of the removal as its resourceVersion.
    """

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    old: Object | None
    new: Object | None
    object: Object
    revision: int


class History:
    """The last events of every kind. Revisions never fall, until `restart`."""

    def __init__(self, length: int, clock: Clock):
        self._length = length
        self._clock = clock
        self._rings: dict[str, deque[tuple[float, MirrorEvent]]] = {}
        self._floors: dict[str, int] = {}
        self._start = NOTHING_YET

    def restart(self, revision: int) -> None:
        """Forget everything: complete from behind `revision` on."""
        self._rings.clear()
        self._floors.clear()
        self._start = revision

    def add(self, event: MirrorEvent) -> None:
        """Keep an event; the oldest of its kind make room."""
        name, now_s = event.kind.kind, self._clock.monotonic_s()
        ring = self._rings.setdefault(name, deque())
        while ring and (len(ring) >= self._length or ring[0][0] < now_s - KEPT_S):
            self._floors[name] = ring.popleft()[1].revision
        ring.append((now_s, event))

    def floor(self, kind: Kind) -> int:
        """The oldest revision behind which all events of `kind` are held."""
        return self._floors.get(kind.kind, self._start)

    def since(self, revision: int, kind: Kind) -> list[MirrorEvent]:
        """The events of `kind` behind `revision`, oldest first; costs O(result).

        Raises:
            Expired: some of them are not held any more.
        """
        if revision < self.floor(kind):
            raise Expired(f"too old resource version: {revision} ({self.floor(kind)})")
        newest_first = (event for _, event in reversed(self._rings.get(kind.kind, ())))
        return list(takewhile(lambda event: event.revision > revision, newest_first))[::-1]
