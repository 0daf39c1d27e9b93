"""The node's lease: until when the hub has promised not to give this node's work to another.

A grant runs from the time its heartbeat was *sent*, on this machine's own monotonic clock: however long the answer
took, the hub's own count ends later than ours.

When the lease was not renewed for so long that a pod had to be stopped, the hub may have started another in its place.
So after such a gap a new grant is not enough to start it again: the hub must have said, to a question asked after the
grant had come, that the pod is still this node's. (The hub grants nothing before it has written that the node is back,
so what it says after that is not overtaken by what it decided before.)
"""

from __future__ import annotations

from collections.abc import Callable

from proto.clock import Clock
from proto.disconnection import Disconnection

START_SHARE = 0.5
"""In the rest of its time without a grant nothing is started any more: it would have to be stopped in a moment."""


def _nobody(sent_s: float, lease_s: float) -> None:
    """Nobody wants to know."""


class Lease:
    """The grants of one agent's life. `renewed` is told of each: when its heartbeat was sent, how long it lasts."""

    def __init__(self, clock: Clock, renewed: Callable[[float, float], None] = _nobody) -> None:
        self._clock = clock
        self._renewed = renewed
        self._sent_s = float("-inf")
        self._lease_s = 0.0
        self._until_s = float("-inf")
        self._gap_s = float("inf")
        self._gap_ended_s = float("inf")

    @property
    def remaining_s(self) -> float:
        """Seconds until the last grant runs out; 0 if it has."""
        return max(self._until_s - self._clock.monotonic_s(), 0.0)

    @property
    def valid(self) -> bool:
        """Whether a grant still runs."""
        return self.remaining_s > 0

    def allows(self, policy: Disconnection) -> bool:
        """Whether a pod with this policy may be started: it cannot have been replaced since the hub last named it."""
        return not policy.stops or (self._in_time(policy) and self._gap_s < self._window_s(policy))

    def lacks_word(self, policy: Disconnection) -> bool:
        """Whether all that such a pod waits for is that the hub names it again, which it does when it is asked."""
        return policy.stops and self._in_time(policy) and self._gap_s >= self._window_s(policy)

    def _window_s(self, policy: Disconnection) -> float:
        return self._lease_s if policy.stop_after_s is None else policy.stop_after_s

    def _in_time(self, policy: Disconnection) -> bool:
        return self._clock.monotonic_s() < self._sent_s + self._window_s(policy) * START_SHARE

    def grant(self, sent_s: float, lease_s: float) -> bool:
        """A heartbeat sent at `sent_s` was answered with a grant of `lease_s`; answers may overtake each other.

        Returns whether the lease had run out, so that everything is to be asked for.
        """
        now_s = self._clock.monotonic_s()
        lapsed, gap_s = now_s >= self._until_s, now_s - self._sent_s
        if gap_s >= self._gap_s:
            self._gap_s, self._gap_ended_s = gap_s, now_s
        if sent_s > self._sent_s:
            self._sent_s, self._lease_s = sent_s, lease_s
        self._until_s = max(self._until_s, sent_s + lease_s)
        self._renewed(sent_s, lease_s)
        return lapsed

    def confirm(self, asked_s: float) -> None:
        """The hub has told all that is this node's, when it was asked at `asked_s`: gaps before that do not matter."""
        if asked_s >= self._gap_ended_s:
            self._gap_s = 0.0
