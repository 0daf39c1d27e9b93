"""When a container may be alive for a lease that was granted, and when it is stopped, killed, and killed by its guard.

Times are seconds of CLOCK_BOOTTIME; see `fences`. PURE.
"""

from typing import NamedTuple

from node_agent.supervisor.wire import Fence

GRACE_SHARE = 1 / 3
KILL_S_MAX = 0.5
KILL_SHARE = 0.1
"""The end by force comes so much before the window's end, in seconds or as a share of it: killing takes a moment."""


class Grant(NamedTuple):
    """The last grant of the lease: when its heartbeat was sent, and how long it lasts."""

    sent_s: float
    lease_s: float

    def window_s(self, fence: Fence) -> float:
        """How long after `sent_s` the container may be alive."""
        return self.lease_s if fence.stop_after_s is None else fence.stop_after_s

    def kill_at_s(self, fence: Fence) -> float:
        """When it is ended by force."""
        window_s = self.window_s(fence)
        return self.sent_s + window_s - min(KILL_S_MAX, window_s * KILL_SHARE)

    def guarded_at_s(self, fence: Fence) -> float:
        """When its guard ends it by force, if the supervisor has not: half the time after that is left."""
        return (self.kill_at_s(fence) + self.sent_s + self.window_s(fence)) / 2

    def stop_at_s(self, fence: Fence) -> float:
        """When it is asked to end."""
        return self.kill_at_s(fence) - min(fence.grace_s, self.window_s(fence) * GRACE_SHARE)


NEVER = Grant(float("-inf"), 0.0)
