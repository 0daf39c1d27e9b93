"""The node's lease: until when the hub has promised not to give this node's work to another.

A grant runs from the time its heartbeat was *sent*, on this machine's own monotonic clock: however long the answer
took, the hub's own count ends later than ours.
"""

from __future__ import annotations

from proto.clock import Clock


class Lease:
    """The grants of one registration."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s = float("-inf")

    @property
    def remaining_s(self) -> float:
        """Seconds until the last grant runs out; 0 if it has."""
        return max(self._until_s - self._clock.monotonic_s(), 0.0)

    @property
    def valid(self) -> bool:
        """Whether a grant still runs."""
        return self.remaining_s > 0

    def grant(self, sent_s: float, lease_s: float) -> None:
        """A heartbeat sent at `sent_s` was answered with a grant of `lease_s`; answers may overtake each other."""
        self._until_s = max(self._until_s, sent_s + lease_s)
